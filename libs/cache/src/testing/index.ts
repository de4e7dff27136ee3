export {
  FakeStore,
  type FakeStoreOptions,
  type StoreCallRecord,
  type StoreFault,
  type StoreOperation,
} from './fake-store.js';
export { storeContract, type StoreSubject } from './store-contract.js';
