export { DynamoDBDestinations, type DynamoDBDestinationsOptions } from './dynamodb-destinations.js';
export { DynamoDBLeaseStore, type DynamoDBLeaseStoreOptions } from './dynamodb-lease-store.js';
export { KinesisShardReader, type KinesisShardReaderOptions } from './kinesis-shard-reader.js';
