import { type Curve } from '../curve.js';
import { type Plan } from '../row.js';
import { bareLoopRate, syncRate } from '../rows/sync-rows.js';

const valueBytes = 200;

/** What sync spends on a change, beside a loop of the same calls. */
export const syncCurves: readonly Curve[] = [
  {
    name: 'sync-values',
    what: 'A change on its way from a page of Kinesis to the acknowledgement of Kafka, as values become larger',
    xLabel: 'bytes of the value',
    xs: [200, 1_024, 16_384, 65_536, 262_144],
    ...sides((bytes, plan, rate) => rate(plan, 1, bytes)),
    note: 'One shard. A change record holds the old value and the new one; sync sends the new one on.',
  },
  {
    name: 'sync-shards',
    what: 'The same, as one worker reads more shards',
    xLabel: 'shards',
    xs: [1, 4, 16],
    ...sides((shards, plan, rate) => rate(plan, shards, valueBytes)),
    note: 'Values of 200 bytes, all shards at once; their leases and watermarks are in the figure.',
  },
];

function sides(
  rateAt: (x: number, plan: Plan, rate: typeof syncRate) => Promise<number>,
): Pick<Curve, 'unit' | 'series'> {
  const microseconds = (rate: typeof syncRate) => async (x: number, plan: Plan) => 1e6 / (await rateAt(x, plan, rate));
  return { unit: 'µs CPU', series: { sync: microseconds(syncRate), 'bare loop': microseconds(bareLoopRate) } };
}
