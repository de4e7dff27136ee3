import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { type FastLaneFigure, laneTables, measureFastLane } from './coherence/fast-lane.js';

jest.setTimeout(120_000);

describe('the fast lane', () => {
  let stack: LocalStack;
  beforeAll(async () => {
    stack = await startLocalStack({ tables: laneTables });
  });
  afterAll(() => stack?.stop());

  function measure(fastLane: boolean): Promise<FastLaneFigure> {
    const [region = ''] = stack.regions;
    const hot = { hotWrites: 10, hotEveryMs: 300, readsPerSecond: 200 };
    return measureFastLane({ stack, region, fastLane, podCount: 3, rounds: 30, ...hot });
  }

  it('shows a write sooner than the change log does, and drops next to nothing', async () => {
    const on = await measure(true);
    const off = await measure(false);
    process.stdout.write(`${JSON.stringify([on, off])}\n`);
    expect(on.fromAck.p50Ms).toBeLessThan(off.fromAck.p50Ms);
    expect([on.heldShare, off.heldShare]).toEqual([1, 1]);
    for (const { hot } of [on, off]) {
      expect(hot.dropsPerWriteAndPod).toBeLessThanOrEqual(0.05);
      expect(hot.hitRatio).toBeGreaterThan(0.95);
    }
  });
});
