import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { tuneCache } from '@tidemark/cache';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { eventually } from '@tidemark/runtime/testing';
import { closePods, items, type Pod, startPods, table } from './coherence/pods.js';

jest.setTimeout(120_000);

/** An update in one region brings back, by replication, an item that the other region has overwritten: its write id has been there before. */
describe('an update that crosses a newer put of another region, and wins', () => {
  let stack: LocalStack;
  let home: readonly Pod[];
  let away: readonly Pod[];
  beforeAll(async () => {
    stack = await startLocalStack({ tables: [table] });
    const [homeRegion = '', awayRegion = ''] = stack.regions;
    const definition = tuneCache(items, { deletes: 'tombstone' });
    home = await startPods(stack, homeRegion, 2, { definition });
    away = await startPods(stack, awayRegion, 1, { definition });
  });
  afterAll(async () => {
    await closePods([...(home ?? []), ...(away ?? [])]);
    await stack?.stop();
  });

  /** Every pod of both regions reads what the table holds, from L1 or not. */
  async function agree(key: string, n: number | undefined): Promise<void> {
    await stack.quiesce({ timeout: '20s' });
    const now = Date.now();
    await eventually('every pod has caught up', () =>
      [...home, ...away].every(({ cache }) => Date.now() - cache.staleness() >= now),
    );
    const read = async (maxStaleness?: '0ms'): Promise<(number | undefined)[]> =>
      Promise.all(
        [...home, ...away].map(
          async ({ cache }) => (await cache.get(key, maxStaleness === undefined ? {} : { maxStaleness }))?.n,
        ),
      );
    const fromL1 = await read();
    expect({ fromL1, fromL2: await read('0ms') }).toEqual({ fromL1: [n, n, n], fromL2: [n, n, n] });
  }

  it('a touch by invalidate everywhere', async () => {
    const [[writer], [toucher]] = [home, away];
    if (writer === undefined || toucher === undefined) throw new Error('no pods');
    await writer.cache.put('touched', { n: 1 });
    await agree('touched', 1);
    stack.faults.aws.pauseReplication();
    await writer.cache.put('touched', { n: 2 });
    await toucher.cache.invalidate(['touched'], { scope: 'everywhere' });
    stack.faults.aws.resumeReplication();
    await agree('touched', 1);
  });

  it('a lease on what a delete left', async () => {
    const [[writer], [loader]] = [home, away];
    if (writer === undefined || loader === undefined) throw new Error('no pods');
    await writer.cache.put('leased', { n: 1 });
    await writer.cache.delete('leased');
    await agree('leased', undefined);
    stack.faults.aws.pauseReplication();
    await writer.cache.put('leased', { n: 2 });
    let end: () => void = () => undefined;
    let begun: () => void = () => undefined;
    const loading = new Promise<void>((resolve) => (begun = resolve));
    const loaded = loader.cache.getOrLoad('leased', async () => {
      begun();
      return new Promise<undefined>((resolve) => (end = () => resolve(undefined)));
    });
    await loading;
    stack.faults.aws.resumeReplication();
    try {
      await agree('leased', undefined);
    } finally {
      end();
      await loaded;
    }
  });
});
