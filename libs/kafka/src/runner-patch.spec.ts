import { describe, expect, it } from '@jest/globals';
import createFetchManager from 'kafkajs/src/consumer/fetchManager.js';
import Runner from 'kafkajs/src/consumer/runner.js';
import { patchRunner } from './runner-patch.js';

patchRunner();

const logger = { namespace: () => logger, debug: () => undefined, info: () => undefined };

/** A consumer whose brokers are `nodeIds`, and what ends it. */
function consumer(nodeIds: readonly number[]) {
  let known = nodeIds;
  let fetches = 0;
  const runner = Object.assign(Object.create(Runner.prototype) as Runner, {
    running: true,
    logger,
    instrumentationEmitter: { emit: () => undefined },
    consumerGroup: { fetch: async () => [] },
    heartbeat: async () => undefined,
  });
  const manager = createFetchManager({
    logger,
    getNodeIds: () => known,
    fetch: async (nodeId) => {
      // What the patch is for would not leave this test to anything else either.
      if ((fetches += 1) > 1_000) throw new Error('for ever');
      await new Promise((resolve) => setImmediate(resolve));
      return runner.fetch(nodeId);
    },
    handler: async () => undefined,
  });
  const end = (): void => {
    runner.running = false;
    known = [...nodeIds, 9];
  };
  return { manager, end };
}

describe('the fetchers of a consumer that ends', () => {
  it('end with it where its brokers have changed at that moment', async () => {
    const { manager, end } = consumer([1, 2]);
    const started = manager.start().catch((error: Error) => error.message);
    end();
    expect(await started).toBe('the consumer has ended');
  });

  it('end as ever where they have not', async () => {
    const { manager } = consumer([1, 2]);
    const started = manager.start();
    await manager.stop();
    expect(await started).toBeUndefined();
  });
});
