import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/** A client for small conditional writes and reads: two attempts a call, each within a second. */
export function makeDynamoDBClient(config: DynamoDBClientConfig): DynamoDBClient {
  const requestHandler = new NodeHttpHandler({
    connectionTimeout: 1_000,
    requestTimeout: 1_000,
    throwOnRequestTimeout: true,
  });
  return new DynamoDBClient({ maxAttempts: 2, requestHandler, ...config });
}
