import { connect, type Socket } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { createKafkaClient, type KafkaClient, shortRetry } from '../kafka-client.js';

/** A client that gets no answers to what it writes into one topic, nor to anything behind that on the same connection, as from a broker whose replicas lag. */
export interface SilentTopicClient extends KafkaClient {
  /** From now on. */
  silence(): void;
  /** All that was held back arrives. */
  heal(): void;
  /** Connections that have fallen silent. */
  readonly silenced: number;
}

const produceKey = 0;
/** Behind the length of the request. */
const apiKeyAt = 4;

export function silentTopicClient(brokers: readonly string[], topic: string): SilentTopicClient {
  const muted = new Set<Socket>();
  let silent = false;
  let silenced = 0;
  const listen = (socket: Socket): void => {
    const write = socket.write.bind(socket) as (...of: unknown[]) => boolean;
    socket.write = (...of: unknown[]): boolean => {
      const [request] = of;
      const isProduce = Buffer.isBuffer(request) && request.length > 8 && request.readInt16BE(apiKeyAt) === produceKey;
      if (silent && isProduce && request.includes(topic) && !muted.has(socket)) {
        silenced += 1;
        muted.add(socket);
        socket.pause();
      }
      return write(...of);
    };
    socket.once('close', () => muted.delete(socket));
  };
  const make = (): Kafka =>
    new Kafka({
      brokers: [...brokers],
      clientId: 'silent',
      connectionTimeout: 1_000,
      requestTimeout: 10_000,
      retry: shortRetry,
      logLevel: logLevel.NOTHING,
      socketFactory: ({ host, port, onConnect }) => {
        const socket = connect({ host, port }, onConnect);
        listen(socket);
        return socket;
      },
    });
  createKafkaClient(make());
  return {
    producer: (config) => make().producer(config),
    consumer: (config) => make().consumer(config),
    admin: (config) => make().admin(config),
    silence: () => {
      silent = true;
    },
    heal: () => {
      silent = false;
      muted.forEach((socket) => socket.resume());
      muted.clear();
    },
    get silenced() {
      return silenced;
    },
  };
}
