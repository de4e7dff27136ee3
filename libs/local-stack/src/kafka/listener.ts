import { TidemarkError } from '@tidemark/runtime';
import { createServer, type Server, type Socket } from 'node:net';

/** A further port of a broker, for clients that reach it by another address, such as a proxy's. */
export interface KafkaListener {
  /** Port to listen on; 0, the default, for any free one, which is then kept. */
  readonly port?: number;
  /** `host:port` to which this port's clients are sent. */
  readonly advertised: string;
}

/** Where clients are sent. */
export interface Advertised {
  readonly host: string;
  readonly port: number;
}

/** A port of the broker that can be opened and closed any number of times and stays the same. */
export class Listener {
  readonly host: string;
  readonly #onSocket: (socket: Socket) => void;
  #port: number;
  #server: Server | undefined;

  constructor(host: string, port: number, onSocket: (socket: Socket) => void) {
    this.host = host;
    this.#port = port;
    this.#onSocket = onSocket;
  }

  get port(): number {
    return this.#port;
  }

  /** Rejects with `FEED_UNAVAILABLE` when it cannot listen. `onError` hears what goes wrong later. */
  async open(connectionsMax: number, onError: (error: Error) => void): Promise<void> {
    const server = createServer(this.#onSocket);
    server.maxConnections = connectionsMax;
    await this.#bind(server);
    const bound = server.address();
    if (bound !== null && typeof bound === 'object') this.#port = bound.port;
    server.on('error', onError);
    this.#server = server;
  }

  /** Takes no more clients; resolves when all have gone. */
  close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    return server === undefined ? Promise.resolve() : new Promise((resolve) => server.close(() => resolve()));
  }

  #bind(server: Server): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void => reject(cannotListen(`${this.host}:${this.#port}`, cause));
      server.once('error', fail);
      server.listen(this.#port, this.host, () => {
        server.off('error', fail);
        resolve();
      });
    });
  }
}

/** `undefined`: the text is no `host:port`. */
export function parseAdvertised(text: string): Advertised | undefined {
  const [, host = '', digits = ''] = /^([A-Za-z0-9.-]{1,255}):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  return host !== '' && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

function cannotListen(address: string, cause: Error): TidemarkError {
  return new TidemarkError('FEED_UNAVAILABLE', `the embedded Kafka cannot listen on ${address}: ${cause.message}`, {
    retriable: true,
    cause,
  });
}
