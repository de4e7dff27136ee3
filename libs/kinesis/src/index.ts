export { callAws, type AwsCallOptions } from './aws-call.js';
export { makeDynamoDBClient } from './dynamodb-client.js';
export { DynamoDBDestinations, type DynamoDBDestinationsOptions } from './dynamodb-destinations.js';
export { DynamoDBLeaseStore, type DynamoDBLeaseStoreOptions } from './dynamodb-lease-store.js';
export { KinesisFanOutReader, type KinesisFanOutReaderOptions } from './kinesis-fan-out-reader.js';
export { KinesisShardReader, type KinesisShardReaderOptions } from './kinesis-shard-reader.js';
export { makeKinesisClient, makeSubscribingClient } from './kinesis-client.js';
export { parseStreamName, type StreamName } from './stream-name.js';
