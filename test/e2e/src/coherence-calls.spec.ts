import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { tuneCache } from '@tidemark/cache';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { loadAtOnce, loadSlowly, takeOver } from './coherence/loads.js';
import { closePods, items, type Pod, startPods, table } from './coherence/pods.js';
import { invalidateInTurn, readWithTokens } from './coherence/reads.js';

jest.setTimeout(150_000);

const leaseMs = 1_500;

describe('pods of two regions', () => {
  let stack: LocalStack;
  let home: readonly Pod[];
  let away: readonly Pod[];
  beforeAll(async () => {
    stack = await startLocalStack({ tables: [table] });
    const [homeRegion = '', awayRegion = ''] = stack.regions;
    home = await startPods(stack, homeRegion, 4);
    away = await startPods(stack, awayRegion, 2);
  });
  afterAll(async () => {
    await closePods([...(home ?? []), ...(away ?? [])]);
    await stack?.stop();
  });

  it('read, with the token of another pod’s put just before, nothing older', async () => {
    const [other] = away;
    if (other === undefined) throw new Error('no pod of the other region');
    const { older, olderWithoutToken, otherRegion } = await readWithTokens(home.slice(0, 2), other, 200);
    expect({ older, otherRegion }).toEqual({ older: 0, otherRegion: 'WRONG_REGION' });
    // Else the tokens have been put to no test.
    expect(olderWithoutToken).toBeGreaterThan(20);
  });

  it('make one load of a cold key that all of the region ask for at once', async () => {
    expect(await loadAtOnce(home, 15)).toMatchObject({ callers: 4, loadsOtherThanOne: 0, differing: 0 });
  });

  it('never overwrite, by a slow load, what another pod has put or deleted meanwhile', async () => {
    expect(await loadSlowly(stack, home, 10)).toEqual({ rounds: 10, overwrote: 0 });
  });

  it('take over from a pod that was killed while it loaded', async () => {
    const [region = ''] = stack.regions;
    const short = tuneCache(items, { loadTimeout: `${leaseMs}ms` });
    const pods = await startPods(stack, region, 1, { definition: short });
    try {
      const { takenOverMs, failures } = await takeOver(stack, pods, leaseMs, 'orphan');
      process.stdout.write(`taken over after ${takenOverMs} ms, failed calls: ${failures.join(', ')}\n`);
      expect(takenOverMs).toBeLessThan(3 * leaseMs);
    } finally {
      await closePods(pods);
    }
  });

  it('lose an invalidated key: all of the region, or of both regions, whatever they hold', async () => {
    const figure = await invalidateInTurn(home, away, 3);
    process.stdout.write(`${JSON.stringify(figure)}\n`);
    expect(figure.lostElsewhere).toBe(0);
  });
});
