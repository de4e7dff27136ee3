export type {
  Backend,
  BackendContext,
  BackendParts,
  ChangeFeed,
  ChangeFeedHandler,
  Consistency,
  EventPublisher,
  FeedBatch,
  FeedState,
  HeldLease,
  KeyPage,
  KeyScan,
  LeaseClaim,
  LeaseOutcome,
  PodRegistry,
  PodSnapshot,
  PublishedAt,
  ReadCall,
  ReadManyResult,
  Store,
  StoreCall,
  WriteCondition,
  WriteOutcome,
} from './backend.js';
export { type AmbiguousWrite, type WriteFate } from './ambiguous-writes.js';
export { AmbiguousWriteError, PartialReadError, VisibilityTimeoutError } from './cache-errors.js';
export { type CacheChange, type CacheEvents, type CacheFlush, type CacheStaleness } from './cache-events.js';
export { type CacheStats } from './cache-stats.js';
export {
  Cache,
  type CallOptions,
  type GetOptions,
  type Inspection,
  type InvalidateOptions,
  type LoadOptions,
  type LookUpOptions,
  type PutIfAbsentOptions,
  type PutOptions,
  type ReadOptions,
  type WriteOutcomes,
  type WriteReceipt,
} from './cache.js';
export { type CacheDefinition, type CacheOptions, type CacheTuning, defineCache, tuneCache } from './define-cache.js';
export { type EntrySource } from './entry.js';
export { type Eviction } from './l1/l1.js';
export { type HotKey, type HotKeyReport } from './hot-keys/hot-keys.js';
export { type Load } from './lease-loader.js';
export { memory, type MemoryBackend, type MemoryOptions } from './memory-backend.js';
export { type OutputOf, type SchemaResult, type StandardSchema, trust } from './standard-schema.js';
export {
  createTidemark,
  type Tidemark,
  type TidemarkHealth,
  type TidemarkOptions,
  type TidemarkState,
} from './tidemark.js';
export { type VersionToken } from './version-token.js';
export { type Visible } from './visibility.js';
export { type Codec } from '@tidemark/protocol';
export {
  type ByteSize,
  type Duration,
  type ErrorCode,
  errorCodes,
  isTidemarkError,
  type Logger,
  MetricRegistry,
  TidemarkError,
} from '@tidemark/runtime';
export { type StandbyProgress } from './warm-up/standby.js';
export { type WarmUpProgress, type WarmUpRun, type WarmUpState } from './warm-up/warm-up.js';
export { type WarmUpOptions, type WarmUpPlan, type WarmUpStrategy } from './warm-up/warm-up-options.js';
export { type Availability } from './overload/table-guard.js';
export { type OverloadOptions } from './overload/table-guards.js';
