import { type CacheDefinition, defineCache, trust } from '@tidemark/cache';
import { keys } from '../plan/generate-plan.js';
import { type WorldConfig } from '../plan/plan.js';
import { AdminSlot } from '../roles/admin-slot.js';
import { DispatcherSlot } from '../roles/dispatcher-slot.js';
import { PodSlot } from '../roles/pod-slot.js';
import { type Slot } from '../roles/slot.js';
import { SyncSlot } from '../roles/sync-slot.js';
import { epochMs } from '../time/sim-process.js';
import { type WorldContext } from './context.js';
import { GlobalTable } from './global-table.js';
import {
  adminNames,
  bucket,
  dispatcherNames,
  itemKey,
  names,
  podNames,
  type RegionName,
  regionNames,
  syncNames,
  table,
} from './names.js';
import { Region } from './region.js';

/** Two regions with all their processes, on one virtual clock. */
export class World {
  readonly keys: readonly string[] = keys;
  readonly context: WorldContext;
  readonly table: GlobalTable;
  readonly pods: readonly PodSlot[];
  readonly syncs: readonly SyncSlot[];
  readonly dispatchers: readonly DispatcherSlot[];
  readonly admins: readonly AdminSlot[];
  readonly #regions: Readonly<Record<RegionName, Region>>;
  readonly #slots: ReadonlyMap<string, Slot>;

  constructor(context: WorldContext) {
    this.context = context;
    this.#regions = { us: new Region('us', context), eu: new Region('eu', context) };
    const { us, eu } = this.#regions;
    this.table = new GlobalTable(context, { us: us.stream, eu: eu.stream });
    const definition = definitionOf(context.config);
    const make = <T>(
      names: (region: RegionName) => readonly string[],
      slot: (name: string, region: Region) => T,
    ): T[] => regionNames.flatMap((region) => names(region).map((name) => slot(name, this.#regions[region])));
    this.pods = make(
      podNames,
      (name, region) =>
        new PodSlot(name, region, context, { table: this.table, definition, followed: this.followedBy(region.name) }),
    );
    this.syncs = make(syncNames, (name, region) => new SyncSlot(name, region, context));
    this.dispatchers = make(dispatcherNames, (name, region) => new DispatcherSlot(name, region, context));
    this.admins = make(adminNames, (name, region) => new AdminSlot(name, region, context));
    const slots = [...this.pods, ...this.syncs, ...this.dispatchers, ...this.admins];
    this.#slots = new Map(slots.map((slot) => [slot.name, slot]));
  }

  region(name: RegionName): Region {
    return this.#regions[name];
  }

  /** The region whose events a region's pods follow: their own. */
  followedBy(region: RegionName): Region {
    return this.#regions[region];
  }

  /** The open shard that takes a key's change records. */
  shardOf(region: RegionName, key: string): string {
    return this.#regions[region].stream.shardOf(itemKey(key));
  }

  slot(name: string): Slot {
    const slot = this.#slots.get(name);
    if (slot === undefined) throw new RangeError(`no process ${name}`);
    return slot;
  }

  pod(name: string): PodSlot {
    const slot = this.slot(name);
    if (slot instanceof PodSlot) return slot;
    throw new RangeError(`${name} is no pod`);
  }

  /** The admin of a region. */
  admin(region: RegionName): AdminSlot {
    const slot = this.admins.find((each) => each.region.name === region);
    if (slot === undefined) throw new RangeError(`no admin in ${region}`);
    return slot;
  }

  /** Where the reader stands that has read the least of a partition, of those that would be told of what is lost before that; `undefined`: nobody has read any. */
  leastRead({ name, group }: Region, topic: string, partition: number): number | undefined {
    const readers = [...this.#slots.values()].filter((slot) => slot.region.name === name);
    const places = readers.flatMap((slot) => slot.positions(topic)[partition] ?? []).map(Number);
    const committed = topic.startsWith(names.cdc('')) ? group.committed({ topic, partition }) : undefined;
    const all = committed === undefined ? places : [...places, committed];
    return all.length === 0 ? undefined : Math.min(...all);
  }

  /** Whether what the pods of a region say of their progress may be of a log that is not there any more. */
  visibilityInDoubt(region: RegionName): boolean {
    const local = this.pods.filter((slot) => slot.region.name === region);
    const lives = local.flatMap(({ running }) => running?.process.name ?? []);
    return this.#regions[region].visibility.isOf(lives);
  }

  start(): void {
    for (const slot of this.#slots.values()) slot.start();
  }

  /** Nothing runs any more. */
  end(): void {
    for (const slot of this.#slots.values()) slot.kill();
  }

  /** Everything runs, and every way is open. */
  heal(): void {
    for (const region of Object.values(this.#regions)) region.throttledShare = 0;
    this.table.heal();
    for (const slot of this.#slots.values()) slot.heal();
  }

  /** What was done around the caches that must not be. */
  get problems(): readonly string[] {
    return Object.values(this.#regions).flatMap(({ name, routes, rewinds }) =>
      [...routes.problems, ...rewinds.problems].map((each) => `${name}: ${each}`),
    );
  }

  /** What keeps the world from being at rest, or `undefined`: every change is in its stream, and every pod says that it is past all of them. */
  get unrest(): string | undefined {
    if (this.table.underWay > 0) return `${this.table.underWay} changes are under way`;
    const ending = [...this.#slots.values()].find(({ isEnding }) => isEnding);
    if (ending !== undefined) return `${ending.name} is about to end`;
    const asked = this.admins.find(({ waiting }) => waiting > 0);
    if (asked !== undefined) return `${asked.name} has not done what it was asked for`;
    return this.#routesUnrest ?? this.#podsUnrest;
  }

  get #routesUnrest(): string | undefined {
    for (const { name, rewinds, routes } of Object.values(this.#regions)) {
      if (routes.inMotion) return `the route of ${name} is on its way, or paused`;
      const pending = rewinds.pending(routes.route);
      if (pending !== undefined) return `${name}: ${pending}`;
    }
    return undefined;
  }

  get #podsUnrest(): string | undefined {
    const since = epochMs + this.table.lastAcceptedMs + this.context.config.clockErrorMs + 1;
    for (const slot of this.pods) {
      if (slot.live === undefined) return `${slot.name} is not up`;
      const { cache } = slot.live;
      for (const key of this.keys) {
        const { watermark, inFlight } = cache.inspect(key);
        if (watermark === null || watermark <= since)
          return `${slot.name} is behind on ${key}: ${since - (watermark ?? 0)} ms`;
        if (inFlight) return `${slot.name} waits for ${key}`;
      }
    }
    return undefined;
  }
}

function definitionOf(config: WorldConfig): CacheDefinition<string> {
  const { mode, deletes, refresh, maxEntries, maxStalenessMs } = config;
  const { readTimeoutMs, writeTimeoutMs, loadTimeoutMs } = config;
  return defineCache({
    ...{ name: bucket, table, schema: trust<string>(), mode, refresh, maxEntries },
    ...{ readTimeout: `${readTimeoutMs}ms`, writeTimeout: `${writeTimeoutMs}ms`, loadTimeout: `${loadTimeoutMs}ms` },
    ...(deletes === null ? {} : { deletes }),
    ...(maxStalenessMs === null ? {} : { maxStaleness: `${maxStalenessMs}ms` }),
  });
}
