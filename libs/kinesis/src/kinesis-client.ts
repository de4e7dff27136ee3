import { KinesisClient, type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { OwnConnectionHandler } from './own-connection-handler.js';

/**
 * A client for polling: over HTTP/1.1 with connections that are kept, because the SDK's own default, HTTP/2, opens a session for
 * every request; and with one attempt a call, because whoever polls tries again anyway and knows the shard's limits. Without a logger of the
 * caller's, the step that copies every answer for one is left out: the SDK makes that copy also for a logger that says nothing.
 */
export function makeKinesisClient(config: KinesisClientConfig): KinesisClient {
  const requestHandler = new NodeHttpHandler({
    connectionTimeout: 2_000,
    httpAgent: { maxSockets: 200 },
    httpsAgent: { maxSockets: 200 },
  });
  return withoutLogging(new KinesisClient({ maxAttempts: 1, requestHandler, ...config }), config);
}

/**
 * A client for `SubscribeToShard`, which Kinesis serves over HTTP/2 alone: each subscription has a connection of its own. Over plain HTTP, as
 * emulators are reached, it is HTTP/1.1.
 */
export function makeSubscribingClient(config: KinesisClientConfig): KinesisClient {
  if (typeof config.endpoint === 'string' && config.endpoint.startsWith('http:')) return makeKinesisClient(config);
  return withoutLogging(
    new KinesisClient({ maxAttempts: 1, requestHandler: new OwnConnectionHandler(), ...config }),
    config,
  );
}

function withoutLogging(client: KinesisClient, config: KinesisClientConfig): KinesisClient {
  if (config.logger === undefined) client.middlewareStack.remove('loggerMiddleware');
  return client;
}
