export type {
  Backend,
  BackendContext,
  BackendParts,
  ChangeFeed,
  ChangeFeedHandler,
  EventPublisher,
  FeedBatch,
  FeedState,
  HeldLease,
  LeaseClaim,
  LeaseOutcome,
  PodRegistry,
  PodSnapshot,
  PublishedAt,
  ReadManyResult,
  Store,
  StoreCall,
  WriteCondition,
  WriteOutcome,
} from './backend.js';
export { AmbiguousWriteError, PartialReadError } from './cache-errors.js';
export { type CacheStats } from './cache-stats.js';
export { Cache, type CallOptions, type Inspection, type PutOptions } from './cache.js';
export { type CacheDefinition, type CacheOptions, type CacheTuning, defineCache, tuneCache } from './define-cache.js';
export { type EntrySource } from './entry.js';
export { type WriteReceipt } from './l2-writer.js';
export { memory, type MemoryBackend, type MemoryOptions } from './memory-backend.js';
export { type OutputOf, type SchemaResult, type StandardSchema, trust } from './standard-schema.js';
export {
  createTidemark,
  type Tidemark,
  type TidemarkHealth,
  type TidemarkOptions,
  type TidemarkState,
} from './tidemark.js';
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
