import { Socket } from 'node:net';
import { type KafkaClient } from '../kafka-client.js';
import { socketClient } from './socket-client.js';

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
  const client = socketClient(brokers, 'mortal', (open) => {
    if (severed) return stillborn();
    const socket = open();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  });
  return {
    ...client,
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
