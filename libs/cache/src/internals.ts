/** For backends, and for checkers that drive the shipped code; not part of the public API, and may change with any release. */
export { type CacheStats, newCacheStats } from './cache-stats.js';
export { Coherence, type CoherenceOptions, type Installable } from './coherence.js';
export { type ClaimCondition, conditionHolds, refusalProblem } from './condition-holds.js';
export { type DecidableEntry, type DecidableEvent, decide, type Rule, stampMarginUs, type Verdict } from './decide.js';
export { type Entry, type EntrySource } from './entry.js';
export { FeedFollower, type FeedFollowerOptions } from './feed-follower.js';
export { type Fence, Fences, isClean, isUntouched } from './fences.js';
export { KnownSet } from './known-set.js';
export { type Eviction, type L1, type L1Options, newL1 } from './l1/l1.js';
export { type MemoryChange, MemoryStore, type MemoryStoreOptions } from './memory-store.js';
export { PartitionState } from './partition-state.js';
export { SteppedBack } from './stepped-back.js';
export { isWrite, type StoreOperation } from './store-call.js';
export { TableFollower } from './table-follower.js';
export { afterClaim, afterRead, type LeaseStep } from './lease-steps.js';
export { type AwaitedPlace, silentAfterMs, type VisibilityVerdict, visibilityOf } from './visibility-decision.js';
export { afterRefusal, type Attempt, firstAttempt, isLive, type Refusal, type WriteIntent } from './write-plan.js';
export { fastEvent, type Transition } from './transition.js';
