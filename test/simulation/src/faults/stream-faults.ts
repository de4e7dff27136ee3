import { type ShardLease } from '@tidemark/pipeline';
import { type Random } from '../time/random.js';
import { regionNames, regionOf, syncNames } from '../world/names.js';
import { type Region } from '../world/region.js';
import { type World } from '../world/world.js';
import { type Fault } from './fault.js';

const targets = regionNames;

/** Change records that come late, twice or never, and shards that change. */
export const streamFaults = {
  'change records out of order': {
    ...{ weight: 5, targets, durationMs: [1_000, 10_000] },
    begin: (world, { target, amount }) => {
      const trouble = world.table.trouble[regionOf(target)];
      Object.assign(trouble, { lateShare: 0.4, lateMs: 200 + 5_000 * amount });
      return () => Object.assign(trouble, { lateShare: 0, lateMs: 0 });
    },
  },
  'change records twice': {
    ...{ weight: 3, targets, durationMs: [1_000, 10_000] },
    begin: (world, { target }) => {
      const trouble = world.table.trouble[regionOf(target)];
      trouble.duplicateShare = 0.4;
      return () => {
        trouble.duplicateShare = 0;
      };
    },
  },
  'change records that cannot be read': {
    ...{ weight: 3, targets, durationMs: [1_000, 10_000] },
    begin: (world, { target, amount }) => {
      const trouble = world.table.trouble[regionOf(target)];
      trouble.flaw = amount < 0.6 ? 'image' : amount < 0.8 ? 'key' : 'everything';
      trouble.flawedShare = 0.4;
      return () => {
        trouble.flawedShare = 0;
      };
    },
  },
  'replication stands still': {
    ...{ weight: 3, targets, durationMs: [500, 8_000] },
    begin: (world, { target, durationMs }) => {
      const trouble = world.table.trouble[regionOf(target)];
      trouble.replicationHeldUntilMs = world.context.scheduler.nowMs + durationMs;
      return () => undefined;
    },
  },
  'Kinesis retention cut': {
    ...{ weight: 2, targets, durationMs: [0, 0] },
    begin: (world, { target }) => cutOffFromKinesis(world, regionOf(target)),
  },
  'shard splits': {
    ...{ weight: 3, targets, durationMs: [0, 0] },
    begin: (world, { target }, random) => {
      const { stream } = world.region(regionOf(target));
      if (stream.openShards.length >= 6) return false;
      stream.split(random.pick(stream.openShards));
      return () => undefined;
    },
  },
  'shards merge': {
    ...{ weight: 3, targets, durationMs: [0, 0] },
    begin: (world, { target }) => {
      const { stream } = world.region(regionOf(target));
      const pair = stream.mergeable();
      if (pair === undefined) return false;
      stream.merge(...pair);
      return () => undefined;
    },
  },
  'lease stolen': {
    ...{ weight: 4, targets, durationMs: [0, 0] },
    begin: (world, { target }, random) => steal(world.region(regionOf(target)), random),
  },
} satisfies Readonly<Record<string, Fault>>;

/** Nobody reads the stream for a little longer than it keeps its records. */
function cutOffFromKinesis(world: World, region: (typeof regionNames)[number]): () => void {
  const { scheduler, config } = world.context;
  const heal = (): void => {
    for (const name of syncNames(region)) world.slot(name).link('kinesis')?.heal();
  };
  const cut = (): void => {
    for (const name of syncNames(region)) world.slot(name).link('kinesis')?.cut();
  };
  cut();
  const cancels = [0.4, 0.8, 1].map((share) => scheduler.after(config.retentionMs * share, cut));
  cancels.push(scheduler.after(config.retentionMs * 1.15, heal));
  return () => {
    for (const cancel of cancels) cancel();
    heal();
  };
}

/** Somebody else takes a shard's lease, whose owner goes on until it notices: another worker, or one that does nothing with it. */
function steal({ leases, stream, name }: Region, random: Random): (() => void) | false {
  const rows = stream.openShards.flatMap((shardId) => leases.row(shardId) ?? []).filter(({ owner }) => owner !== null);
  if (rows.length === 0) return false;
  const row: ShardLease = random.pick(rows);
  const others = [...new Set(rows.map(({ owner }) => owner))].filter((owner) => owner !== row.owner);
  const thief = others.length > 0 && random.chance(0.7) ? random.pick(others) : `${name}/thief`;
  leases.overwrite({ ...row, owner: thief, counter: row.counter + 1, ownerSwitches: row.ownerSwitches + 1 });
  return () => undefined;
}
