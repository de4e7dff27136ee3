import { expect, it } from '@jest/globals';
import { silentLogger, TidemarkError, wait } from '@tidemark/runtime';
import { eventually, ManualClock } from '@tidemark/runtime/testing';
import { none } from '../l1/columns.js';
import { type KeySource } from './key-source.js';
import { WarmUp } from './warm-up.js';
import { warmUpPlan } from './warm-up-options.js';

it('a warm-up is slowed down once by requests that were under way together', async () => {
  const clock = new ManualClock();
  const source: KeySource = {
    list: null,
    emptiness: null,
    async *batches() {
      for (let from = 0; from < 4_000; from += 100)
        yield { keys: Array.from({ length: 100 }, (_, at) => `k${from + at}`), keysKnown: 4_000 };
    },
  };
  let requests = 0;
  const read = async (isThrottled: boolean): Promise<unknown> => {
    await wait(clock, 50);
    if (isThrottled) throw new TidemarkError('THROTTLED', 'too fast', { retriable: true });
    return 'value';
  };
  const readMany = (keys: readonly string[]): Map<string, Promise<unknown>> => {
    requests += 1;
    // The first goes alone, the next sixteen together.
    const isThrottled = requests > 1 && requests <= 17;
    return new Map(keys.map((key, at) => [key, read(isThrottled && at === 0)]));
  };
  const warmUp = new WarmUp({
    ...{
      cache: 'things',
      source,
      reader: { readMany },
      clock,
      logger: silentLogger,
      maxEntries: 10_000,
      maxBytes: 1e9,
    },
    l1: { find: () => none, valueAt: () => undefined, entries: 0, bytes: 0 },
    plan: warmUpPlan('warmUp', { strategy: 'hot-keys', keysPerSecond: 10_000 }) ?? never(),
    isFollowed: () => true,
    readKeysPerSecond: () => undefined,
  });
  void warmUp.run();
  await eventually('the end of the warm-up', async () => {
    await clock.advance(50);
    return warmUp.progress.state === 'done';
  });
  expect(warmUp.progress.failed).toBe(16);
  expect(warmUp.progress.ms).toBeLessThan(1_500);
});

function never(): never {
  throw new Error('no plan');
}
