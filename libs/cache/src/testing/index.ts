export {
  FakeStore,
  type FakeStoreOptions,
  type StoreCallRecord,
  type StoreFault,
  type StoreOperation,
} from './fake-store.js';
export { storeContract, type StoreSubject } from './store-contract.js';
export { changeFeedContract, type ChangeFeedSubject } from './change-feed-contract.js';
export { FakeChangeFeed, FakeEventPublisher } from './fake-change-feed.js';
export { FakePodRegistry } from './fake-pod-registry.js';
export { podRegistryContract, type PodRegistrySubject } from './pod-registry-contract.js';
export {
  checkHistory,
  type CheckHistoryOptions,
  describeViolation,
  type History,
  HistoryRecorder,
  type Invariant,
  type NewState,
  type OpenRead,
  type OpenWrite,
  type ReadCall,
  type Violation,
  type WriteAsks,
  type WriteCall,
} from './history-checker/index.js';
export { MemoryTable, type OnItemChange } from '../memory-table.js';
export { whenConverged, type WhenConvergedOptions } from './when-converged.js';
