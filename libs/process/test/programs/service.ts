import { once } from 'node:events';
import { type Logger } from '@tidemark/runtime';
import { z } from 'zod';
import { defineConfig, loadConfig, processFields, runService } from '../../src/index.js';

/** A service that behaves as TEST_BEHAVIOUR says. */
const behaviour = process.env['TEST_BEHAVIOUR'];
const values = loadConfig(
  defineConfig({ name: 'test-service', description: 'for tests', schema: z.object(processFields(0)) }),
);

runService({
  name: 'test-service',
  values,
  start: async ({ logger, metrics }) => {
    metrics.counter('test_started_total', 'Starts.').value += 1;
    if (behaviour === 'hang while starting') return new Promise(() => undefined);
    if (behaviour === 'fail to start') throw Object.assign(new Error('no brokers'), { code: 'ENOBROKERS' });
    if (behaviour === 'throw later') setTimeout(() => fail(), 20);
    if (behaviour === 'reject later') setTimeout(() => void Promise.reject(new Error('forgotten')), 20);
    return { ready: () => ({ ready: true, detail: { shards: 3 } }), stop: () => stop(logger) };
  },
});

function fail(): never {
  throw new Error('unforeseen');
}

async function stop(logger: Logger): Promise<void> {
  const told = once(process, 'SIGUSR2');
  logger.info({}, 'draining');
  if (behaviour === 'fail to stop') throw new Error('cannot commit');
  if (behaviour === 'hang while stopping') await new Promise(() => undefined);
  if (behaviour === 'drain until SIGUSR2') await told;
}
