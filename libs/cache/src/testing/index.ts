export { FakeStore } from './fake-store.js';
export { storeContract, type StoreSubject } from './store-contract.js';
