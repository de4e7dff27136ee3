/** For checkers that drive the shipped decisions; not part of the public API, and may change with any release. */
export type * from './ports.js';
export { isForBuckets, replayedOf } from './dispatch-filter.js';
export { DispatchPartition } from './dispatch-partition.js';
export { chunksOf, highestOf, outgoing, planTable, type TablePlan } from './dispatch-plan.js';
export { DispatchRoutes } from './dispatch-routes.js';
export { chooseLeases, type LeaseChoice } from './lease-choice.js';
export {
  askedLease,
  checkpointedLease,
  handedOverLease,
  isAsked,
  newLease,
  renewedLease,
  takenLease,
} from './lease-row.js';
export { RetentionGap } from './retention-gap.js';
export { alignLeases, holeBefore, isReadable, knownReadUpTo, planShardEnd } from './shard-leases.js';
export { ShardRoll } from './shard-roll.js';
export { StreamRetention } from './stream-retention.js';
export { claimOf, isEnded, laterClaim, lowestOpen, watermarkOf } from './watermark.js';
