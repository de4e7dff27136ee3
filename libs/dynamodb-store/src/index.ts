export { DynamoDbStore } from './dynamodb-store.js';
export { type DynamoDbStoreOptions } from './options.js';
