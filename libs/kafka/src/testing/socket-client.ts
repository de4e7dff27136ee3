import { connect, type Socket } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { createKafkaClient, type KafkaClient, shortRetry } from '../kafka-client.js';

/** A client whose sockets a test can lay its hands on: each is what `opened` makes of it. */
export function socketClient(
  brokers: readonly string[],
  clientId: string,
  opened: (open: () => Socket) => Socket,
): KafkaClient {
  const make = (): Kafka =>
    new Kafka({
      brokers: [...brokers],
      clientId,
      connectionTimeout: 1_000,
      requestTimeout: 10_000,
      retry: shortRetry,
      logLevel: logLevel.NOTHING,
      socketFactory: ({ host, port, onConnect }) => opened(() => connect({ host, port }, onConnect)),
    });
  createKafkaClient(make());
  return {
    producer: (config) => make().producer(config),
    consumer: (config) => make().consumer(config),
    admin: (config) => make().admin(config),
  };
}
