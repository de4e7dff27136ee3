import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { type Batch, type EachBatchPayload } from 'kafkajs';
import { Generation, type Lane } from './generation.js';
import { LaneRunner } from './lane-runner.js';
import { WorkBudget } from './work-budget.js';

/** A runner whose works end when they are told to. */
function runner(bytesMax = 1_000_000) {
  const clock = new ManualClock();
  const generation = new Generation({ a: [0, 1], b: [0] });
  const works: { readonly batch: Batch; readonly end: () => void }[] = [];
  const paused = new Set<string>();
  const resolved: string[] = [];
  const budget = new WorkBudget(bytesMax);
  const lanes = new LaneRunner({
    clock,
    budget,
    patienceMs: 250,
    work: ({ batch }) => new Promise((end) => void works.push({ batch, end })),
  });
  const laneOf = (topic: string, partition: number): Lane => {
    const lane = generation.lane(topic, partition);
    if (lane === undefined) throw new Error('no such lane');
    return lane;
  };
  /** Hands a batch over; whether the next fetch may begin. */
  const fetch = (topic: string, partition = 0, size = 100) => {
    const fetched = { free: false };
    const name = `${topic}/${partition}`;
    const value = Buffer.alloc(size);
    const batch = { messages: [{ key: null, value, headers: {} }], lastOffset: () => '0' } as unknown as Batch;
    const pause = () => {
      paused.add(name);
      return () => void paused.delete(name);
    };
    const resolveOffset = (): void => void resolved.push(name);
    const payload = { batch, pause, resolveOffset } as unknown as EachBatchPayload;
    void lanes.take(payload, generation, laneOf(topic, partition)).then(() => (fetched.free = true));
    return fetched;
  };
  return { clock, generation, works, paused, resolved, budget, lanes, laneOf, fetch };
}

describe('LaneRunner', () => {
  it('waits for work that ends soon', async () => {
    const { works, fetch, budget } = runner();
    const fetched = fetch('a');
    await settle();
    expect(fetched.free).toBe(false);
    works[0]?.end();
    await settle();
    expect([fetched.free, budget.bytes]).toEqual([true, 0]);
  });

  it('waits for the patience at most, then no longer for anything of that topic', async () => {
    const { clock, works, fetch, paused } = runner();
    const slow = fetch('a');
    await clock.advance(250);
    expect(slow.free).toBe(true);
    const [next, other, fine] = [fetch('a'), fetch('a', 1), fetch('b')];
    await settle();
    expect([next.free, other.free, fine.free]).toEqual([true, true, false]);
    expect([...paused]).toEqual(['a/0']);
    for (const { end } of works) end();
    await settle();
    expect([fine.free, paused.size]).toEqual([true, 0]);
  });

  it('is patient again once nothing of the topic took long for ten seconds', async () => {
    const { clock, works, fetch } = runner();
    fetch('a');
    await clock.advance(300);
    works[0]?.end();
    await clock.advance(10_001);
    const fetched = fetch('a');
    await settle();
    expect(fetched.free).toBe(false);
  });

  it('hands over in order, two batches of a lane at most', async () => {
    const { clock, works, fetch, paused } = runner();
    fetch('a');
    await clock.advance(250);
    fetch('a');
    await settle();
    expect([works.length, [...paused]]).toEqual([1, ['a/0']]);
    works[0]?.end();
    await settle();
    expect([works.length, paused.size]).toEqual([2, 0]);
  });

  it('moves over nothing that finds no room, and has it fetched again once there is some', async () => {
    const { clock, works, fetch, paused, resolved, budget } = runner(8 * 1_000);
    fetch('a', 0, 700);
    const refused = fetch('a', 1, 700);
    await clock.advance(250);
    expect([refused.free, [...paused], resolved, budget.bytes]).toEqual([true, ['a/1'], ['a/0'], 900]);
    works[0]?.end();
    await settle();
    expect([paused.size, budget.bytes]).toEqual([0, 0]);
  });

  it('drops what was fetched before its lane was held', async () => {
    const { clock, works, fetch, laneOf } = runner();
    fetch('a');
    await clock.advance(250);
    fetch('a');
    laneOf('a', 0).heldAt = 0n;
    laneOf('a', 0).epoch += 1;
    works[0]?.end();
    await settle();
    expect(works).toHaveLength(1);
  });

  it('begins nothing once its generation closes', async () => {
    const { clock, works, fetch, generation, budget } = runner();
    fetch('a');
    await clock.advance(250);
    fetch('a');
    generation.close(new Error('the group rebalances'));
    works[0]?.end();
    await generation.idle();
    await settle();
    expect([works.length, budget.bytes]).toEqual([1, 0]);
  });

  it('does not keep the answer that a batch of a slow topic came with', async () => {
    const { clock, works, fetch } = runner();
    fetch('a');
    await clock.advance(250);
    fetch('a', 1);
    await settle();
    const [first, second] = works.map(({ batch }) => batch.messages[0]?.value);
    expect(second).toEqual(first);
    expect(second?.buffer).not.toBe(first?.buffer);
  });
});
