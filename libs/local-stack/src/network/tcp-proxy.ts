import { type Clock, systemClock, TidemarkError } from '@tidemark/runtime';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Random, seededRandom } from '../aws/seeded-random.js';
import { checkNumber } from '../aws/embedded-aws-options.js';
import { ProxyFlow } from './proxy-flow.js';

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** `up` is from the client to the target, `down` from the target to the client. */
export type ProxyDirection = 'up' | 'down';

export interface TcpProxyOptions {
  /** Where connections go. Default: nowhere, and they are reset, until `retarget`. */
  readonly target?: ProxyTarget;
  /** Fixes the jitter. Default 1. */
  readonly seed?: number;
  /** Bytes of one direction of one connection that may be on their way before its sender has to wait, 1 byte to 64 MiB. Default 262,144. */
  readonly bufferBytesMax?: number;
  /** Default: the system's clock. */
  readonly clock?: Clock;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly up: ProxyFlow;
  readonly down: ProxyFlow;
  /** The server's side is gone, and the client was not told. */
  isOrphan: boolean;
}

interface Delay {
  readonly ms: number;
  readonly jitterMs: number;
}

const none: Delay = { ms: 0, jitterMs: 0 };

/**
 * A TCP proxy on the loopback address between one client and one server, for tests of what networks do to connections. Bytes are never
 * dropped, reordered or changed within a connection, as TCP would not: they are late, or the connection breaks. Every fault but `reset`
 * lasts until `heal`; faults add up.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #stalled = new Set<ProxyDirection>();
  readonly #bufferBytesMax: number;
  readonly #clock: Clock;
  readonly #random: Random;
  #target: ProxyTarget | undefined;
  #delay = none;
  #isCut = false;
  #accepted = 0;
  #port = 0;

  private constructor({ target, seed = 1, bufferBytesMax = 262_144, clock = systemClock }: TcpProxyOptions) {
    checkNumber('bufferBytesMax', bufferBytesMax, 1, 67_108_864);
    this.#target = target;
    this.#bufferBytesMax = bufferBytesMax;
    this.#clock = clock;
    this.#random = seededRandom(seed);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  /** Listens on a free port. Rejects with `INVALID_OPTIONS`, and with `FEED_UNAVAILABLE` when there is no port. */
  static async start(options: TcpProxyOptions = {}): Promise<TcpProxy> {
    const proxy = new TcpProxy(options);
    await proxy.#listen();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** `host:port`. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `http://${this.address}`;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** Connections that were passed on so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Bytes that were read from one side and not yet written to the other. */
  get heldBytes(): number {
    return [...this.#pairs].reduce((sum, { up, down }) => sum + up.heldBytes + down.heldBytes, 0);
  }

  /** Where connections go from now on; those that are open stay. */
  retarget(target: ProxyTarget): void {
    this.#target = target;
  }

  /** Every byte takes `ms`, and up to `jitterMs` more, in either direction. Throws `INVALID_OPTIONS`. */
  latency(ms: number, jitterMs = 0): void {
    checkNumber('ms', ms, 0, 3_600_000);
    checkNumber('jitterMs', jitterMs, 0, 3_600_000);
    this.#delay = { ms, jitterMs };
  }

  /** Nothing gets through in a direction, default in both; connections are made and stay open, and what was sent arrives after `heal`. */
  stall(direction?: ProxyDirection): void {
    for (const each of direction === undefined ? (['up', 'down'] as const) : [direction]) this.#stalled.add(each);
    this.#setStalls();
  }

  /** Breaks every connection now, so that both sides are told (RST). New ones are served. */
  reset(): void {
    for (const pair of [...this.#pairs]) this.#break(pair);
  }

  /** Breaks every connection, and each new one as soon as it is made. */
  cut(): void {
    this.#isCut = true;
    this.reset();
  }

  /** Breaks every connection on the server's side alone: its client goes on sending into nothing, and is told (RST) by `heal`. New ones are served. */
  halfOpen(): void {
    for (const pair of this.#pairs) {
      pair.isOrphan = true;
      pair.up.discard();
      pair.down.discard();
      pair.server.resetAndDestroy();
    }
  }

  /** Ends every fault. */
  heal(): void {
    this.#isCut = false;
    this.#delay = none;
    this.#stalled.clear();
    this.#setStalls();
    for (const pair of [...this.#pairs]) if (pair.isOrphan) this.#break(pair);
  }

  async close(): Promise<void> {
    this.#isCut = true;
    this.reset();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(
          new TidemarkError('FEED_UNAVAILABLE', `the proxy cannot listen: ${cause.message}`, {
            retriable: true,
            cause,
          }),
        ),
      );
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address();
        if (address !== null && typeof address === 'object') this.#port = address.port;
        resolve();
      });
    });
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined);
    const target = this.#target;
    if (this.#isCut || target === undefined) return void client.resetAndDestroy();
    this.#accepted += 1;
    const server = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true });
    const pair: Pair = {
      ...{ client, server, isOrphan: false },
      up: this.#flow(client, server, 'up'),
      down: this.#flow(server, client, 'down'),
    };
    this.#pairs.add(pair);
    server.on('error', () => undefined);
    server.once('close', () => {
      if (!pair.isOrphan) this.#end(pair, client);
    });
    client.once('close', () => this.#end(pair, server));
  }

  #flow(from: Socket, to: Socket, direction: ProxyDirection): ProxyFlow {
    return new ProxyFlow({
      ...{ from, to, clock: this.#clock, bytesMax: this.#bufferBytesMax },
      delayMs: () => this.#delay.ms + this.#delay.jitterMs * this.#random(),
      isStalled: this.#stalled.has(direction),
    });
  }

  #setStalls(): void {
    for (const { up, down } of this.#pairs) {
      up.stalled = this.#stalled.has('up');
      down.stalled = this.#stalled.has('down');
    }
  }

  #break(pair: Pair): void {
    this.#end(pair, pair.client);
    pair.server.resetAndDestroy();
  }

  /** One side is gone: what was on its way is lost, and the other is told. */
  #end(pair: Pair, other: Socket): void {
    if (!this.#pairs.delete(pair)) return;
    pair.up.discard();
    pair.down.discard();
    if (other.writableFinished) other.destroy();
    else other.resetAndDestroy();
  }
}
