import { type CdcEvent, itemKeyOf, type WriteClock } from '@tidemark/protocol';
import { type Clock, type MetricRegistry } from '@tidemark/runtime';
import { type Store } from './backend.js';
import { exportMetrics } from './cache-metrics.js';
import { newCacheStats } from './cache-stats.js';
import { type Cache, TidemarkCache } from './cache.js';
import { Coherence } from './coherence.js';
import { type CacheDefinition } from './define-cache.js';
import { type FeedFollower } from './feed-follower.js';
import { LruL1 } from './l1.js';
import { L2Reader } from './l2-reader.js';
import { L2Writer } from './l2-writer.js';
import { ValueCodec } from './value-codec.js';

export interface BuildCacheOptions {
  readonly definition: CacheDefinition;
  readonly region: string;
  readonly store: Store;
  readonly follower: FeedFollower;
  readonly clock: Clock;
  readonly writeClock: WriteClock;
  readonly metrics: MetricRegistry;
  readonly isClosed: () => boolean;
}

/** Wires one cache: L1, its coherence, the read path and the write path. */
export function buildCache(options: BuildCacheOptions): { readonly cache: Cache<unknown>; readonly writer: L2Writer } {
  const { definition, region, store, follower, clock, writeClock, metrics, isClosed } = options;
  const { name, table, mode, maxEntries, maxBytes, readTimeoutMs } = definition;
  const stats = newCacheStats();
  const l1 = new LruL1({ maxEntries, maxBytes });
  const codec = new ValueCodec(definition);
  const tableFollower = follower.table(table);
  const coherence = new Coherence({
    l1,
    stats,
    mode,
    partitionOf: (key) => tableFollower.partitionOf(itemKeyOf(name, key)),
    decode: (event: CdcEvent) => (event.value === null ? undefined : codec.decode(event.value, event.codec)),
    sameValue: (a, b) => codec.same(a, b),
  });
  tableFollower.addCache(name, coherence);
  const reader = new L2Reader({ store, table, bucket: name, codec, coherence, clock, stats, timeoutMs: readTimeoutMs });
  const writer = new L2Writer({
    store,
    cache: name,
    table,
    bucket: name,
    region,
    codec,
    coherence,
    writeClock,
    clock,
    stats,
  });
  const cache = new TidemarkCache<unknown>({
    definition,
    l1,
    coherence,
    reader,
    writer,
    codec,
    stats,
    clock,
    isClosed,
    watermark: () => tableFollower.watermark,
    partitionOf: (key) => {
      const partition = tableFollower.partitionOf(itemKeyOf(name, key));
      return partition === undefined ? undefined : { index: partition.index, watermark: partition.state.watermark };
    },
  });
  exportMetrics(metrics, cache);
  return { cache, writer };
}
