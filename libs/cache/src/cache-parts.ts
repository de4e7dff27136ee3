import { type Clock } from '@tidemark/runtime';
import { type AddLoader } from './add-loader.js';
import { type AmbiguousWrites } from './ambiguous-writes.js';
import { type CacheEvents } from './cache-events.js';
import { type CacheStats } from './cache-stats.js';
import { type CacheWriter } from './cache-writer.js';
import { type Coherence } from './coherence.js';
import { type CacheDefinition } from './define-cache.js';
import { type Freshness } from './freshness.js';
import { type Holder } from './holder.js';
import { type HotKeys } from './hot-keys/hot-keys.js';
import { type L1 } from './l1/l1.js';
import { type L2Reader } from './l2-reader.js';
import { type LeaseLoader } from './lease-loader.js';
import { type Listeners } from './listeners.js';
import { type PartitionState } from './partition-state.js';
import { type ValueCodec } from './value-codec.js';
import { type Visibility } from './visibility.js';
import { type WarmUpProgress } from './warm-up/warm-up.js';

/** What a cache is made of. */
export interface CacheParts {
  readonly definition: CacheDefinition;
  readonly region: string;
  readonly l1: L1;
  readonly coherence: Coherence;
  readonly freshness: Freshness;
  readonly reader: L2Reader;
  readonly writer: CacheWriter;
  readonly loader: LeaseLoader;
  readonly adder: AddLoader;
  readonly ambiguous: AmbiguousWrites;
  /** `undefined`: this pod may not publish. */
  readonly visibility: Visibility | undefined;
  readonly listeners: Listeners<CacheEvents<unknown>>;
  readonly codec: ValueCodec;
  readonly holder: Holder;
  readonly stats: CacheStats;
  readonly hotKeys: HotKeys;
  readonly warmUp: () => WarmUpProgress;
  readonly clock: Clock;
  /** Ms; `Infinity`: none. */
  readonly maxStalenessMs: number;
  readonly partitionOf: (key: string) => { readonly index: number; readonly state: PartitionState } | undefined;
  /** Ms since the epoch; 0 before the first watermark of every partition. */
  readonly watermark: () => number;
  readonly isClosed: () => boolean;
}
