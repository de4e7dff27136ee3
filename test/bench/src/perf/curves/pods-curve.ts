import { setTimeout as delay } from 'node:timers/promises';
import { type Cache, createTidemark, defineCache, memory, trust } from '@tidemark/cache';
import { cpuNs } from '../cpu-clock.js';
import { type Curve } from '../curve.js';
import { type Plan } from '../row.js';

export const podsCurve: Curve = {
  name: 'growth-pods',
  what: 'A put and its way into the L1 of every pod, by change log and fast lane, as the pods become more',
  xLabel: 'pods',
  xs: [1, 10, 50],
  unit: 'µs CPU',
  series: { 'all pods together': usPerPut, 'each pod': async (pods, plan) => (await usPerPut(pods, plan)) / pods },
  note: 'All pods in one process on the backend in memory, each holding the key: the CPU that the region spends on one put, brokers left out.',
};

async function usPerPut(pods: number, { quick }: Plan): Promise<number> {
  const backend = memory();
  const definition = defineCache({ name: 'bench', table: 'bench', schema: trust<number>() });
  const tidemarks = Array.from({ length: pods }, () =>
    createTidemark({ service: 'bench', backend, caches: [definition] }),
  );
  await Promise.all(tidemarks.map((tidemark) => tidemark.start()));
  const caches = tidemarks.map((tidemark) => tidemark.cache(definition));
  const puts = quick ? 100 : 400;
  for (let warm = 1; warm <= 50; warm += 1) await putAndSee(caches, warm);
  const beganNs = cpuNs();
  for (let value = 100; value < 100 + puts; value += 1) await putAndSee(caches, value);
  const ns = (cpuNs() - beganNs) / puts;
  await Promise.all(tidemarks.map((tidemark) => tidemark.close()));
  return ns / 1_000;
}

/** Puts into the first, and waits until every pod reads it. */
async function putAndSee(caches: readonly Cache<number>[], value: number): Promise<void> {
  await caches[0]?.put('key', value);
  for (let look = 0; look < 1_000; look += 1) {
    // Sleeping costs nothing that is measured; looking all the time would.
    await delay(3);
    const seen = await Promise.all(caches.map((cache) => cache.get('key')));
    if (seen.every((one) => one === value)) return;
  }
  throw new Error(`the put of ${value} did not reach every pod`);
}
