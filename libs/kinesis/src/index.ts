export { DynamoDBLeaseStore, type DynamoDBLeaseStoreOptions } from './dynamodb-lease-store.js';
export { KinesisShardReader, type KinesisShardReaderOptions } from './kinesis-shard-reader.js';
