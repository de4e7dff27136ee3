import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { closePods, firstTwo, startPods, table } from './coherence/pods.js';
import { measureVisible, pauseOnePod, putToken } from './coherence/visible.js';

jest.setTimeout(150_000);

describe('whenVisible', () => {
  let stack: LocalStack;
  let region = '';
  beforeAll(async () => {
    stack = await startLocalStack({ tables: [table] });
    [region = ''] = stack.regions;
  });
  afterAll(() => stack?.stop());

  it('resolves when every live pod of the region reads the write; one that may not publish is not waited for', async () => {
    const pods = await startPods(stack, region, 3);
    const readOnly = await startPods(stack, region, 1, { fastLane: false });
    try {
      const { pods: counted, older, time } = await measureVisible(pods, 20);
      process.stdout.write(`whenVisible: p50 ${time.p50Ms} ms, p99 ${time.p99Ms} ms\n`);
      expect({ counted, older }).toEqual({ counted: [3], older: 0 });
      const token = await putToken(firstTwo(pods)[0], 'key', 1);
      const [silenced] = readOnly;
      await expect(silenced?.cache.whenVisible(token)).rejects.toMatchObject({ code: 'VISIBILITY_UNAVAILABLE' });
    } finally {
      await closePods([...pods, ...readOnly]);
    }
  });

  it('names a paused pod at its deadline, and after ten seconds of silence does without it', async () => {
    const figure = await pauseOnePod({ stack, region, podCount: 2 });
    process.stdout.write(`${JSON.stringify(figure)}\n`);
    const { paused } = figure;
    expect(figure).toMatchObject({ missing: [paused], silent: [paused], podsAfter: 3, olderAfter: 0 });
    expect(figure.failedAfterMs).toBeGreaterThanOrEqual(figure.deadlineMs);
    expect(figure.resolvedAfterMs).toBeGreaterThan(8_000);
  });
});
