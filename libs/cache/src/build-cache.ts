import { type CdcEvent, itemKeyOf, type WriteClock } from '@tidemark/protocol';
import { type Clock, type Entropy, type Logger, messageOf, type MetricRegistry } from '@tidemark/runtime';
import { AddLoader } from './add-loader.js';
import { AmbiguousWrites } from './ambiguous-writes.js';
import { type EventPublisher, type Store } from './backend.js';
import { ChangeTeller } from './cache-change.js';
import { type CacheEvents } from './cache-events.js';
import { exportMetrics } from './cache-metrics.js';
import { type CacheStats, newCacheStats } from './cache-stats.js';
import { CacheWriter } from './cache-writer.js';
import { Coherence } from './coherence.js';
import { type CacheDefinition } from './define-cache.js';
import { type FastLane } from './fast-lane.js';
import { type FeedFollower } from './feed-follower.js';
import { Freshness } from './freshness.js';
import { type L1, newL1 } from './l1/l1.js';
import { Holder } from './holder.js';
import { HotKeys } from './hot-keys/hot-keys.js';
import { L2Reader } from './l2-reader.js';
import { L2Writer } from './l2-writer.js';
import { LeaseLoader } from './lease-loader.js';
import { Listeners } from './listeners.js';
import { LoadFlights } from './load-flights.js';
import { TidemarkCache } from './tidemark-cache.js';
import { fastEvent, type Transition } from './transition.js';
import { ValueCodec } from './value-codec.js';
import { encodeToken, type VersionToken } from './version-token.js';
import { type Visibility } from './visibility.js';
import { CacheWarmUp, type CacheWarmUpOptions } from './warm-up/cache-warm-up.js';

export interface BuildCacheOptions {
  readonly definition: CacheDefinition;
  readonly region: string;
  readonly store: Store;
  /** The same store for what no caller waits for. */
  readonly backgroundStore: Store;
  readonly follower: FeedFollower;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly writeClock: WriteClock;
  readonly metrics: MetricRegistry;
  readonly entropy: Entropy;
  /** The Tidemark's `maxStaleness`, ms; `Infinity`: none. */
  readonly maxStalenessMs: number;
  /** `undefined`: this pod publishes nothing. */
  readonly lane: PublishingParts | undefined;
  readonly isClosed: () => boolean;
}

/** What a pod has that may write to Kafka. */
export interface PublishingParts {
  readonly publisher: EventPublisher;
  readonly fastLane: FastLane;
  readonly visibility: Visibility;
}

export interface BuiltCache {
  readonly cache: TidemarkCache<unknown>;
  readonly warmUp: CacheWarmUp;
  /** Resolves when the writes and loads in hand have ended. */
  readonly idle: () => Promise<void>;
  /** Ends the loads that are still in hand; resolves when their leases are given up. */
  readonly close: () => Promise<void>;
}

/** How long a deleted item stays as a tombstone: longer than any write may be late in the network, ms. */
const tombstoneMs = 24 * 3_600_000;

/** Wires one cache: L1, its coherence, the read path, the write path and the loads. */
export function buildCache(options: BuildCacheOptions): BuiltCache {
  const { definition, region, store, follower, clock, writeClock, metrics, lane, isClosed, entropy } = options;
  const { name, table, readTimeoutMs, loadTimeoutMs } = definition;
  const stats = newCacheStats();
  const codec = new ValueCodec(definition);
  const holder = new Holder({ codec, hold: definition.hold, clone: definition.clone, freeze: isDevelopment() });
  const l1 = newL1(definition);
  const tableFollower = follower.table(table);
  const listeners = listenersOf(options);
  const changes = new ChangeTeller(listeners, codec);
  const ambiguous = ambiguousWritesOf(options);
  const coherence: Coherence = coherenceOf(options, { l1, stats, holder }, (key, event, held) => {
    ambiguous.seen(event.from, event.to);
    changes.ofEvent(key, event);
    if (definition.refresh && held) refresh(key, coherence, reader, stats);
  });
  tableFollower.addCache(name, coherence, ({ partition, reason, entries }) =>
    listeners.emit('flush', { partition, reason, entries }),
  );
  const common = { holder, store, table, codec, coherence, clock, stats };
  const reader = new L2Reader({ ...common, bucket: name, timeoutMs: readTimeoutMs });
  const l2Writer = new L2Writer({
    ...common,
    ...{ cache: name, bucket: name, region, writeClock, tombstoneMs },
    onAmbiguous: (key, operation, writeId) => ambiguous.add({ key, operation, writeId, since: clock.now() }),
  });
  const committed = (token: VersionToken, transition: Transition): void => {
    if (lane !== undefined) announce(lane, token, transition);
    changes.ofWrite(keyOf(name, transition), transition);
  };
  const writer = new CacheWriter({
    ...{ definition, region, store, writer: l2Writer, codec, coherence, clock },
    publisher: lane?.publisher,
    onCommitted: committed,
    newMark: () => entropy.uuid(),
  });
  const flights = new LoadFlights({ coherence, clock, cache: name, loadTimeoutMs });
  const loader = new LeaseLoader({
    ...common,
    ...{ cache: name, writer: l2Writer, flights, loadTimeoutMs, tombstoneMs },
    ...{ random: () => entropy.random(), newLeaseId: () => entropy.uuid() },
    callTimeoutMs: readTimeoutMs,
    onInstalled: ({ writeId, transition }) => {
      const { itemKey } = transition;
      committed(encodeToken({ table, itemKey, region, writeId, at: clock.now() }), transition);
    },
  });
  const adder = new AddLoader({ ...common, flights, writer, reader });
  const maxStalenessMs = definition.maxStalenessMs ?? options.maxStalenessMs;
  const freshness = new Freshness({
    ...{ ...common, definition, region, l1, maxStalenessMs },
    watermarkOf: (partition) => tableFollower.watermarkOf(partition),
  });
  const warmUp = new CacheWarmUp({
    ...{ ...options, ...common, l1, store: options.backgroundStore },
    ...{ ...usesOf(() => cache), isFollowed: () => tableFollower.live },
  });
  const cache: TidemarkCache<unknown> = new TidemarkCache<unknown>({
    ...common,
    hotKeys: new HotKeys({ clock, random: () => entropy.random() }),
    ...{ definition, region, l1, freshness, reader, writer, loader, adder, ambiguous, listeners },
    ...{ isClosed, visibility: lane?.visibility, warmUp: () => warmUp.progress },
    partitionOf: (key) => tableFollower.partitionOf(itemKeyOf(name, key)),
    maxStalenessMs,
    watermark: () => tableFollower.watermark,
  });
  const endMetrics = exportMetrics(metrics, cache, () => warmUp.published);
  const ends = [endMetrics, () => ambiguous.close(), () => listeners.clear()];
  return { cache, warmUp, ...endOf(l2Writer, flights, ends) };
}

/** What the warm-up of pods to come is made of; the cache is there by then. */
function usesOf(cache: () => TidemarkCache<unknown>): Pick<CacheWarmUpOptions, 'hotKeys' | 'reads'> {
  return {
    hotKeys: (max) => cache().hotKeys(max),
    reads: () => {
      const { hits, misses } = cache().stats();
      return hits + misses;
    },
  };
}

function endOf(
  writer: L2Writer,
  flights: LoadFlights,
  ends: readonly (() => void)[],
): Pick<BuiltCache, 'idle' | 'close'> {
  return {
    idle: async () => {
      await Promise.all([writer.idle(), flights.idle()]);
    },
    close: () => {
      for (const end of ends) end();
      return flights.close();
    },
  };
}

function coherenceOf(
  { definition, follower }: BuildCacheOptions,
  { l1, stats, holder }: { readonly l1: L1; readonly stats: CacheStats; readonly holder: Holder },
  onEvent: (key: string, event: CdcEvent, held: boolean) => void,
): Coherence {
  const tableFollower = follower.table(definition.table);
  return new Coherence({
    ...{ l1, stats, mode: definition.mode },
    partitionOf: (key) => tableFollower.placeOf(itemKeyOf(definition.name, key)),
    hold: (event) => holder.ofEvent(event),
    givesAsHeld: (value) => holder.givesAsHeld(value),
    sameValue: (a, b) => holder.same(a, b),
    onEvent: (key, event, _verdict, held) => onEvent(key, event, held),
  });
}

/** Frozen values cost a walk through each, once. */
function isDevelopment(): boolean {
  return process.env.NODE_ENV !== 'production';
}

function listenersOf({ definition, logger }: BuildCacheOptions): Listeners<CacheEvents<unknown>> {
  return new Listeners((event, error) =>
    logger.error({ cache: definition.name, event, error: messageOf(error) }, 'a listener of a cache threw'),
  );
}

function ambiguousWritesOf({ definition, store, clock, logger, metrics }: BuildCacheOptions): AmbiguousWrites {
  const { name, table, readTimeoutMs } = definition;
  return new AmbiguousWrites({
    clock,
    read: (key) => store.read(table, itemKeyOf(name, key), { timeoutMs: readTimeoutMs }),
    onFate: ({ operation, writeId, since }, fate) => {
      metrics.counter(
        'tidemark_cache_ambiguous_writes_settled_total',
        'Writes whose answer never came, by what became of them.',
        { cache: name, fate },
      ).value += 1;
      logger.warn({ cache: name, operation, writeId, since, fate }, 'fate of a write whose answer never came');
    },
  });
}

/** Reads a key again that an event has dropped. It is fenced as any fill, and as any may fail: the next get reads then. */
function refresh(key: string, coherence: Coherence, reader: L2Reader, stats: CacheStats): void {
  if (coherence.peek(key) !== undefined) return;
  stats.refreshes += 1;
  try {
    reader.read(key).catch(() => undefined);
  } catch {
    // Too many reads are in flight already.
  }
}

/** Tells the region's pods of an acknowledged write, and keeps it to be told again. Nothing to tell when there was nothing to remove. */
function announce(lane: PublishingParts, token: VersionToken, transition: Transition): void {
  if (transition.old === undefined && transition.new === undefined) return;
  const event = fastEvent(transition, lane.fastLane.valueBytesMax);
  lane.visibility.remember(token, event);
  lane.fastLane.publish(event);
}

function keyOf(bucket: string, { itemKey }: Transition): string {
  return itemKey.slice(bucket.length + 1);
}
