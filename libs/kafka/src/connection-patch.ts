/// <reference types="./kafkajs-internals.d.ts" />
import Connection from 'kafkajs/src/network/connection.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const patched = Symbol.for('@tidemark/kafka/connection-patch');

/** Bytes of the length that begins every answer. */
const lengthBytes = 4;

/**
 * Makes kafkajs begin every connection with a clean slate.
 *
 * Of its own, it keeps the half of an answer that had arrived when a connection died, and reads the next connection's answers as its other half:
 * requests hang until they time out, or an exception that nobody can catch ends the process. It also lets two callers open two sockets that
 * feed one buffer. And each time that it ends a connection that is dead already, the dead socket gets another listener of its own `unref`, for a
 * connection that never comes. Idempotent; call it before the first client is made.
 */
export function patchConnection(): void {
  const prototype = Connection.prototype as Connection & { [patched]?: true };
  if (prototype[patched] === true) return;
  prototype[patched] = true;
  const connect = Object.getOwnPropertyDescriptor(prototype, 'connect')?.value as (
    this: Connection,
  ) => Promise<boolean>;
  const connecting = new WeakMap<Connection, Promise<boolean>>();
  prototype.connect = function (this: Connection): Promise<boolean> {
    if (this.isConnected()) return connect.call(this);
    const pending = connecting.get(this);
    if (pending !== undefined) return pending;
    forgetPast(this);
    const connected = connect.call(this).finally(() => connecting.delete(this));
    connecting.set(this, connected);
    return connected;
  };
  const disconnect = Object.getOwnPropertyDescriptor(prototype, 'disconnect')?.value as (
    this: Connection,
  ) => Promise<boolean>;
  prototype.disconnect = function (this: Connection): Promise<boolean> {
    const { socket } = this;
    if (socket?.destroyed === true) socket.unref = () => socket;
    return disconnect.call(this);
  };
}

function forgetPast(connection: Connection): void {
  connection.chunks = [];
  connection.bytesBuffered = 0;
  connection.bytesNeeded = lengthBytes;
  const { socket } = connection;
  if (socket === undefined) return;
  for (const name of ['data', 'end', 'timeout', 'error']) socket.removeAllListeners(name);
  socket.on('error', () => undefined);
  socket.destroy();
}
