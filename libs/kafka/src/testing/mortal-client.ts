import { connect, Socket } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { createKafkaClient, type KafkaClient, shortRetry } from '../kafka-client.js';

/** A client whose connections can be cut, for good or for a while; its group memberships are not given up by that. */
export interface MortalClient extends KafkaClient {
  /** Ends every connection; new ones can be made. */
  cut(): void;
  /** Ends every connection and lets none be made. */
  sever(): void;
  /** Connections can be made again. */
  mend(): void;
}

export function mortalClient(brokers: readonly string[]): MortalClient {
  const sockets = new Set<Socket>();
  let severed = false;
  const make = (): Kafka =>
    new Kafka({
      brokers: [...brokers],
      clientId: 'mortal',
      connectionTimeout: 1_000,
      requestTimeout: 10_000,
      retry: shortRetry,
      logLevel: logLevel.NOTHING,
      socketFactory: ({ host, port, onConnect }) => {
        if (severed) return stillborn();
        const socket = connect({ host, port }, onConnect);
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
        return socket;
      },
    });
  createKafkaClient(make());
  return {
    producer: (config) => make().producer(config),
    consumer: (config) => make().consumer(config),
    admin: (config) => make().admin(config),
    cut: () => sockets.forEach(end),
    sever: () => {
      severed = true;
      sockets.forEach(end);
    },
    mend: () => {
      severed = false;
    },
  };
}

function end(socket: Socket): void {
  socket.destroy(new Error('cut'));
}

/** A socket that fails before it reaches anybody. */
function stillborn(): Socket {
  const socket = new Socket();
  setImmediate(() => end(socket));
  return socket;
}
