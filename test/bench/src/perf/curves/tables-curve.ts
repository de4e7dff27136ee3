import { type Cache, createTidemark, defineCache, memory, trust } from '@tidemark/cache';
import { type Curve } from '../curve.js';
import { nsEach } from '../timed.js';

export const tablesCurve: Curve = {
  name: 'growth-tables',
  what: 'A synchronous hit, and the start of a pod, as the tables become more',
  xLabel: 'tables',
  xs: [1, 10, 100],
  unit: 'µs CPU',
  series: {
    'hit, tables in turn': async (tables, plan) => {
      const { caches, close } = await started(tables);
      for (const cache of caches) cache.localPut('key', 1);
      const ns = await nsEach(plan, (times) => {
        for (let n = 0; n < times; n += 1) caches[n % tables]?.getIfPresent('key');
      });
      await close();
      return ns / 1_000;
    },
    'start and close': async (tables, plan) => {
      const once = async (): Promise<void> => (await started(tables)).close();
      return (
        (await nsEach(plan, async (times) => {
          // The shortest slice of a hit would be hundreds of starts.
          for (let n = 0; n < Math.ceil(times / 500); n += 1) await once();
        })) *
        (500 / 1_000)
      );
    },
  },
  note: 'On the backend in memory: what the brokers and DynamoDB add to a start is not in it.',
};

async function started(
  tables: number,
): Promise<{ readonly caches: readonly Cache<number>[]; readonly close: () => Promise<void> }> {
  const definitions = Array.from({ length: tables }, (_, number) =>
    defineCache({ name: `bench-${number}`, table: `bench-${number}`, schema: trust<number>(), maxSize: '1mb' }),
  );
  const tidemark = createTidemark({ service: 'bench', backend: memory(), caches: definitions });
  await tidemark.start();
  return { caches: definitions.map((definition) => tidemark.cache(definition)), close: () => tidemark.close() };
}
