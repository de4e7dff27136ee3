/** The inner modules of kafkajs 2.2.4 that Tidemark mends; the version is pinned. */
declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    constructor(options: object);
    readonly pending: unknown[];
    readonly throttleCheckTimeoutId: unknown;
    scheduleCheckPendingRequests(): void;
    destroy(): void;
  }
}

declare module 'kafkajs/src/network/connection.js' {
  import { type Socket } from 'node:net';

  export default class Connection {
    constructor(options: object);
    /** Bytes of an answer that is not complete. */
    chunks: Buffer[];
    bytesBuffered: number;
    bytesNeeded: number;
    socket?: Socket;
    readonly requestQueue: { fulfillRequest(answer: { correlationId: number; payload: Buffer; size: number }): void };
    isConnected(): boolean;
    connect(): Promise<boolean>;
    disconnect(): Promise<boolean>;
  }
}
