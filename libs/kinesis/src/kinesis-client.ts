import { KinesisClient, type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/**
 * A client for polling: over HTTP/1.1 with connections that are kept, because the SDK's own default, HTTP/2, opens a session for
 * every request; and with one attempt a call, because whoever polls tries again anyway and knows the shard's limits.
 */
export function makeKinesisClient(config: KinesisClientConfig): KinesisClient {
  const requestHandler = new NodeHttpHandler({
    connectionTimeout: 2_000,
    httpAgent: { maxSockets: 200 },
    httpsAgent: { maxSockets: 200 },
  });
  return new KinesisClient({ maxAttempts: 1, requestHandler, ...config });
}
