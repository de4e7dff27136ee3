import { commonFaultNames, faultNamed, logFaultNames, rareFaultNames } from '../faults/fault.js';
import { Random } from '../time/random.js';
import { podNames, type RegionName, regionNames, regionOf } from '../world/names.js';
import { type OperationName, operations } from './operations.js';
import { type PlannedFault, type PlannedOperation, type Plan, type WorldConfig } from './plan.js';

/** Keys are few, so that everything meets on them. */
export const keys = ['a', 'b', 'c', 'd', 'e'] as const;

/** Everything is up by then, unless a fault is in the way, ms. */
const startMs = 3_000;

export interface PlanSize {
  readonly operations: number;
  /** At most. */
  readonly faults: number;
  /** From the first operation to the end of the faults, ms. */
  readonly lengthMs: number;
}

export const standardSize: PlanSize = { operations: 500, faults: 24, lengthMs: 30_000 };

/**
 * The run that belongs to a seed. Each seed has a few of everything (kinds of faults, keys, operations) and those in plenty: what needs two
 * rare things at once would hardly ever happen if all were drawn alike.
 */
export function generatePlan(seed: number, size: PlanSize = standardSize): Plan {
  const random = new Random(seed, 'plan');
  const faults = inOrder([
    ...drawFaults(random.fork('faults'), size),
    ...drawFew(random.fork('rare faults'), size, rareFaultNames),
    ...drawFew(random.fork('log faults'), size, logFaultNames),
  ]);
  return {
    seed,
    world: drawWorld(random.fork('world')),
    operations: drawOperations(random.fork('operations'), size, faults),
    faults,
    endMs: startMs + size.lengthMs,
  };
}

function drawWorld(random: Random): WorldConfig {
  const slow = random.chance(0.2) ? 6 : 1;
  return {
    partitions: random.pick([1, 2, 3]),
    shards: random.pick([1, 2, 3]),
    mode: random.chance(0.8) ? 'update' : 'invalidate',
    deletes: random.pick(['remove', 'tombstone', 'tombstone', null]),
    refresh: random.chance(0.15),
    maxStalenessMs: random.pick([null, null, 4_000, 8_000]),
    fastLane: random.chance(0.6),
    maxEntries: random.chance(0.2) ? 3 : 1_000,
    pollMs: random.pick([300, 500, 1_000]),
    closesAfter: random.below(3),
    retentionMs: random.pick([10_000, 16_000, 40_000]),
    replicationMs: random.pick([20, 200, 1_500]),
    captureMs: random.pick([20, 60, 400]),
    stampErrorMs: random.pick([0, 50, 2_400]),
    latencyMs: { dynamodb: random.pick([4, 4, 20, 60]), kafka: 3 * slow, kinesis: 10 * slow },
    ...{ readTimeoutMs: random.pick([1_000, 3_000]), writeTimeoutMs: random.pick([1_000, 2_000, 6_000]) },
    loadTimeoutMs: random.pick([2_000, 5_000]),
    clockErrorMs: random.pick([5, 100, 250]),
  };
}

/** Alone, and in bursts: several pods on one key within a moment, or just when a fault begins or ends. */
function drawOperations(
  random: Random,
  { operations: count, lengthMs }: PlanSize,
  faults: readonly PlannedFault[],
): readonly PlannedOperation[] {
  const weights = Object.fromEntries(
    Object.entries(operations).map(([name, { weight }]) => [name, weight * random.pick([0, 0.3, 1, 1, 3])]),
  );
  const used = random.shuffle(keys).slice(0, random.pick([1, 2, 3, 5]));
  const drawn: Omit<PlannedOperation, 'id'>[] = [];
  while (drawn.length < count) {
    const isBurst = random.chance(0.6);
    const burst = isBurst ? 3 + random.below(7) : 1;
    const widthMs = random.pick([5, 40, 400, 2_000]);
    const fault = random.chance(0.4) && faults.length > 0 ? random.pick(faults) : undefined;
    const key = random.pick(used);
    const home = fault === undefined ? random.pick(regionNames) : regionOf(fault.target);
    const pods = podsOf(random, home, fault);
    const at = fault === undefined ? startMs + random.between(0, lengthMs) : momentOf(random, fault, lengthMs);
    for (let each = 0; each < burst && drawn.length < count; each += 1) {
      const name = random.weighted(weights) as OperationName;
      const others = random.shuffle(used.filter((other) => other !== key));
      const more = random.below(operations[name].keysMax);
      drawn.push({
        ...{ atMs: within(at + random.between(0, widthMs), lengthMs), name, pod: random.pick(pods) },
        ...{ keys: [key, ...others.slice(0, more)], amount: random.next() },
      });
    }
  }
  return drawn.sort((a, b) => a.atMs - b.atMs).map((operation, id) => ({ ...operation, id }));
}

/** Those of a region, of both, or the one that a fault befalls and another. */
function podsOf(random: Random, home: RegionName, fault: PlannedFault | undefined): readonly string[] {
  const local = podNames(home);
  const befallen = local.find((name) => name === fault?.target);
  if (befallen !== undefined && random.chance(0.6)) return [befallen, befallen, random.pick(local)];
  return random.chance(0.7) ? local : regionNames.flatMap(podNames);
}

/** Around the beginning of a fault, or its end. */
function momentOf(random: Random, { atMs, durationMs }: PlannedFault, lengthMs: number): number {
  const about = random.chance(0.5) ? atMs : atMs + durationMs;
  return within(Math.max(startMs, about + random.between(-800, 800)), lengthMs);
}

/** Before the faults end. */
function within(atMs: number, lengthMs: number): number {
  return Math.min(startMs + lengthMs - 1, atMs);
}

/** What a run's faults are about. */
const themes = [
  /./,
  /^(sync|Kinesis|shard|lease|change records)/,
  /^(dispatcher|route|admin|Kafka)/,
  /^(pod|writes|answers|foreign|table|replication|change records)/,
] as const;

type DrawnFault = Omit<PlannedFault, 'id'>;

function drawFaults(random: Random, { faults: most, lengthMs }: PlanSize): readonly DrawnFault[] {
  const theme = random.pick(themes);
  const names = random.shuffle(commonFaultNames.filter((name) => theme.test(name))).slice(0, 3 + random.below(8));
  const weights = Object.fromEntries(names.map((name) => [name, faultNamed(name).weight]));
  const drawn: DrawnFault[] = [];
  const count = random.below(most + 1);
  while (drawn.length < count) {
    const name = random.weighted(weights);
    const { targets, durationMs } = faultNamed(name);
    const before = drawn.at(-1);
    const isNear = before !== undefined && random.chance(0.4);
    const atMs = isNear ? before.atMs + random.between(-500, 1_500) : startMs + random.between(-1_500, lengthMs);
    const near = isNear ? targets.filter((target) => regionOf(target) === regionOf(before.target)) : targets;
    drawn.push({
      ...{ name, atMs: within(Math.max(0, atMs), lengthMs), target: random.pick(near) },
      ...{ durationMs: random.between(...durationMs), amount: random.next() },
    });
  }
  return drawn;
}

/** In the half of the seeds: a few of one or two kinds, beside whatever else they have. */
function drawFew(random: Random, { faults: most, lengthMs }: PlanSize, of: readonly string[]): readonly DrawnFault[] {
  if (most === 0 || random.chance(0.5)) return [];
  const names = random.shuffle(of).slice(0, 1 + random.below(2));
  return Array.from({ length: 1 + random.below(4) }, () => {
    const name = random.pick(names);
    const { targets, durationMs } = faultNamed(name);
    return {
      ...{ name, atMs: startMs + random.between(0, lengthMs - 1), target: random.pick(targets) },
      ...{ durationMs: random.between(...durationMs), amount: random.next() },
    };
  });
}

function inOrder(faults: readonly DrawnFault[]): readonly PlannedFault[] {
  return faults.toSorted((a, b) => a.atMs - b.atMs).map((fault, id) => ({ ...fault, id }));
}
