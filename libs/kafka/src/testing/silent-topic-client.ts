import { type Socket } from 'node:net';
import { type KafkaClient } from '../kafka-client.js';
import { socketClient } from './socket-client.js';

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
  const client = socketClient(brokers, 'silent', (open) => {
    const socket = open();
    listen(socket);
    return socket;
  });
  return {
    ...client,
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
