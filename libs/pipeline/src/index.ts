export type * from './ports.js';
export { type DispatcherOptions } from './dispatch-options.js';
export { Dispatcher, type DispatcherHealth } from './dispatcher.js';
export {
  askedLease,
  checkpointedLease,
  handedOverLease,
  isAskedOf,
  malformedLease,
  newLease,
  owingAs,
  releasedLease,
  renewedLease,
  replacedLease,
  takenLease,
} from './lease-row.js';
export { type ShardHealth } from './shard-runner.js';
export { type SyncWorkerOptions } from './sync-options.js';
export { type SyncHealth } from './sync-health.js';
export { SyncWorker } from './sync-worker.js';
