import { setTimeout as delay } from 'node:timers/promises';
import { createKafkaClient } from '@tidemark/kafka';
import { type Consumer, type Kafka } from 'kafkajs';
import { processCpuNs } from '../cpu-clock.js';
import { withPod } from '../region-pod.js';
import { regionName, withRegion } from '../region-process.js';
import { type BenchRow, type Plan } from '../row.js';

const common = { isSlow: true, isOfTheWall: true, lowerIsBetter: true } as const;

/** A pod that nobody asks for anything, beside a region to which nobody writes. */
export const idleRows: readonly BenchRow[] = [
  {
    ...common,
    name: 'idle-pod',
    what: 'CPU of a pod without traffic, all threads, as a share of one core, ten seconds after its start',
    goal: { compared: 'figure', rule: 'at most', bound: 0.5 },
    unit: '% of a core',
    note: 'One table of four partitions, fast lane on. Each second brings a watermark for every partition, and every other one the pod reports. `npm run measure:idle` has the other roles beside it, and a pod with its HTTP server.',
    tidemark: async (plan) => (await idle(plan)).cpuShare * 100,
  },
  {
    ...common,
    name: 'idle-pod-fetches',
    what: 'Fetch requests that this pod sends to Kafka in a second',
    goal: { compared: 'figure', rule: 'at most', bound: 1 },
    unit: 'fetches a second',
    note: 'Routing topic and cache topic together.',
    whyBehind: 'watermarks of a table’s partitions that do not come in one request are a fetch each',
    tidemark: async (plan) => (await idle(plan)).fetchesPerSecond,
  },
];

async function idle({ quick }: Plan): Promise<{ readonly cpuShare: number; readonly fetchesPerSecond: number }> {
  return withRegion(async (region) => {
    const counted = { fetches: 0 };
    const kafka = countingFetches(region.region(regionName).kafka.brokers, counted);
    return withPod(
      region,
      {},
      async () => {
        await delay(10_000);
        const fetchesBefore = counted.fetches;
        const cpuBefore = processCpuNs();
        const beganMs = performance.now();
        await delay(quick ? 10_000 : 30_000);
        const seconds = (performance.now() - beganMs) / 1_000;
        return {
          cpuShare: (processCpuNs() - cpuBefore) / 1e9 / seconds,
          fetchesPerSecond: (counted.fetches - fetchesBefore) / seconds,
        };
      },
      { kafka },
    );
  });
}

/** The client that a pod makes for itself, with an ear on its consumers. */
function countingFetches(brokers: readonly string[], counted: { fetches: number }): Kafka {
  const client = createKafkaClient({ brokers });
  const listened = (consumer: Consumer): Consumer => {
    consumer.on('consumer.network.request', ({ payload }) => {
      if (payload.apiName === 'Fetch') counted.fetches += 1;
    });
    return consumer;
  };
  return { ...client, consumer: (config) => listened(client.consumer(config)) } as Kafka;
}
