import { afterEach, describe, expect, it } from '@jest/globals';
import { type Faults, FakeWorld } from '../test/fake-world.js';
import { story } from './story.js';
import { storyKeys } from './story-parts.js';

/** What the width of a line of the demo leaves for a name. */
const nameCharsMax = 52;

describe('the story', () => {
  let fake: FakeWorld | undefined;

  afterEach(() => fake?.stop());

  /** Plays the one step whose name begins like this. */
  async function play(begin: string, faults: Faults = {}): Promise<string> {
    fake = await FakeWorld.start(3, faults);
    const [step, ...others] = story.filter(({ name }) => name.startsWith(begin));
    if (step === undefined || others.length > 0) throw new Error(`not one step begins with ${begin}`);
    return step.run(fake.world);
  }

  it('has steps that each say in a line what they show', () => {
    const names = story.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name.length > nameCharsMax || name !== name.trim())).toEqual([]);
  });

  it('shows everything that it promises, in this order', () => {
    expect(story.map(({ name }) => name)).toEqual([
      expect.stringMatching(/put is seen in every pod of both regions/),
      expect.stringMatching(/delete/),
      expect.stringMatching(/plain AWS SDK client/),
      expect.stringMatching(/localPut/),
      expect.stringMatching(/getMany/),
      expect.stringMatching(/concurrent puts in both regions converge/),
      expect.stringMatching(/put says when/),
      expect.stringMatching(/token/),
      expect.stringMatching(/one load/),
      expect.stringMatching(/invalidate/),
      expect.stringMatching(/^sync killed while writing/),
      expect.stringMatching(/^dispatcher killed while writing/),
      expect.stringMatching(/^Kafka restarted while writing/),
      expect.stringMatching(/new route/),
    ]);
  });

  it.each([
    ['a put is seen', '6 pods hold the new value, 0 of them read it again'],
    ['a delete', 'gone in all'],
    ['a put by a plain', 'dropped everywhere, read again'],
    ['localPut', 'one pod saw it'],
    ['getMany', '1 hit, 3 read in one batch, 1 of them absent'],
    ['concurrent', '20 keys, 2 writers each, one value everywhere'],
    ['a put says', 'written, and read by 3 pods, after'],
    ['a token', '20 puts, each read in another pod right away'],
    ['pods that load', '3 pods asked, one of them loaded'],
    ['invalidate', 'gone in 3 pods, kept in the other region’s 3'],
  ])('holds in a world that is right: %s', async (begin, detail) => {
    expect(await play(begin)).toContain(detail);
  });

  it('notices a localPut that other pods see', async () => {
    await expect(play('localPut', { localPutLeaks: true })).rejects.toThrow();
  });

  it('notices a getMany that reads what L1 holds', async () => {
    await expect(play('getMany', { getManyReadsAll: true })).rejects.toThrow();
  });

  it.each<[string, string, Faults]>([
    ['a put that says it is visible although a pod was silent', 'a put says', { silent: ['pod'] }],
    ['a token that is not heeded', 'a token', { forgetsTokens: true }],
    ['a load in every pod', 'pods that load', { loadsEverywhere: true }],
    ['an invalidation that reaches the other region', 'invalidate', { invalidatesEverywhere: true }],
  ])('notices %s', async (_what, begin, faults) => {
    await expect(play(begin, faults)).rejects.toThrow();
  });

  it('remembers every key that it wrote, for the comparison at its end', async () => {
    await play('concurrent');
    const keys = storyKeys();
    expect(keys).toEqual(expect.arrayContaining(Array.from({ length: 20 }, (_, i) => `race-${i}`)));
    expect(keys).toEqual([...new Set(keys)].sort());
  });
});
