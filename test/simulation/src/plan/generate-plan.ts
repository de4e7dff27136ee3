import { faultNamed, faultNames } from '../faults/fault.js';
import { Random } from '../time/random.js';
import { podNames, regionNames } from '../world/names.js';
import { type OperationName, operations } from './operations.js';
import { type PlannedFault, type PlannedOperation, type Plan, type WorldConfig } from './plan.js';

/** Keys are few, so that everything meets on them. */
export const keys = ['a', 'b', 'c', 'd', 'e'] as const;

/** Everything is up by then, unless a fault is in the way, ms. */
const startMs = 3_000;

export interface PlanSize {
  readonly operations: number;
  readonly faults: number;
  /** From the first operation to the end of the faults, ms. */
  readonly lengthMs: number;
}

export const standardSize: PlanSize = { operations: 320, faults: 14, lengthMs: 45_000 };

/** The run that belongs to a seed. */
export function generatePlan(seed: number, size: PlanSize = standardSize): Plan {
  const random = new Random(seed, 'plan');
  return {
    seed,
    world: drawWorld(random.fork('world')),
    operations: drawOperations(random.fork('operations'), size),
    faults: drawFaults(random.fork('faults'), size),
    endMs: startMs + size.lengthMs,
  };
}

function drawWorld(random: Random): WorldConfig {
  const slow = random.chance(0.2) ? 6 : 1;
  return {
    partitions: random.pick([1, 2, 3]),
    shards: random.pick([1, 2, 3]),
    mode: random.chance(0.8) ? 'update' : 'invalidate',
    maxEntries: random.chance(0.2) ? 3 : 1_000,
    pollMs: random.pick([300, 500, 1_000]),
    closesAfter: random.below(3),
    retentionMs: random.pick([12_000, 20_000, 40_000]),
    replicationMs: random.pick([20, 200, 1_500]),
    captureMs: random.pick([20, 60, 400]),
    stampErrorMs: random.pick([0, 50, 2_400]),
    latencyMs: { dynamodb: 4 * slow, kafka: 3 * slow, kinesis: 10 * slow },
    clockErrorMs: random.pick([5, 100, 250]),
  };
}

/** Alone, and in bursts: several pods on one key within a moment. */
function drawOperations(random: Random, { operations: count, lengthMs }: PlanSize): readonly PlannedOperation[] {
  const weights = Object.fromEntries(Object.entries(operations).map(([name, { weight }]) => [name, weight]));
  const drawn: Omit<PlannedOperation, 'id'>[] = [];
  while (drawn.length < count) {
    const at = startMs + random.between(0, lengthMs);
    const isBurst = random.chance(0.45);
    const burst = isBurst ? 3 + random.below(6) : 1;
    const widthMs = random.pick([5, 40, 400]);
    const key = random.pick(keys);
    const home = random.pick(regionNames);
    const pods = random.chance(0.7) ? podNames(home) : regionNames.flatMap(podNames);
    for (let each = 0; each < burst && drawn.length < count; each += 1) {
      const name = random.weighted(weights) as OperationName;
      const others = random.shuffle(keys.filter((other) => other !== key));
      const more = random.below(operations[name].keysMax);
      drawn.push({
        ...{ atMs: at + random.between(0, widthMs), name, pod: random.pick(pods) },
        keys: [key, ...others.slice(0, more)],
      });
    }
  }
  return drawn.sort((a, b) => a.atMs - b.atMs).map((operation, id) => ({ ...operation, id }));
}

function drawFaults(random: Random, { faults: count, lengthMs }: PlanSize): readonly PlannedFault[] {
  const weights = Object.fromEntries(faultNames.map((name) => [name, faultNamed(name).weight]));
  const drawn = Array.from({ length: random.below(2 * count) }, () => {
    const name = random.weighted(weights);
    const { targets, durationMs } = faultNamed(name);
    return {
      ...{ name, atMs: startMs + random.between(-1_500, lengthMs), target: random.pick(targets) },
      ...{ durationMs: random.between(...durationMs), amount: random.next() },
    };
  });
  return drawn.sort((a, b) => a.atMs - b.atMs).map((fault, id) => ({ ...fault, id }));
}
