import { type BenchPod, benchPod } from '../pod.js';
import { type BenchRow } from '../row.js';
import { keysOf } from '../workload.js';

const callers = 100;
const exactlyOne = {
  goal: { compared: 'figure', rule: 'exactly', bound: 1 },
  unit: 'requests',
  lowerIsBetter: true,
  gateTolerance: 0,
  isExact: true,
} as const;

/** What reaches L2 when many callers miss at once. */
export const stampedeRows: readonly BenchRow[] = [
  {
    name: 'stampede-one-key',
    what: `requests that reach L2 for ${callers} concurrent gets of one cold key`,
    ...exactlyOne,
    tidemark: () => requestsFor(() => Array.from({ length: callers }, () => 'cold')),
  },
  {
    name: 'stampede-many-keys',
    what: `requests that reach L2 for ${callers} concurrent gets of ${callers} cold keys in one tick: one BatchGetItem`,
    ...exactlyOne,
    tidemark: () => requestsFor(() => keysOf(callers)),
  },
];

async function requestsFor(asked: () => readonly string[]): Promise<number> {
  const { cache, tidemark, requests }: BenchPod = benchPod({});
  await tidemark.start();
  await Promise.all(asked().map((key) => cache.get(key)));
  await tidemark.close();
  return requests.reads + requests.batches;
}
