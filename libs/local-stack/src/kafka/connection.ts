import { type Logger, messageOf, wait } from '@tidemark/runtime';
import { type Socket } from 'node:net';
import { apiNamed, type ApiName, isFlexible, isSpoken } from './api-table.js';
import { type ApiCall, type ApiOutcome } from './api/api-call.js';
import { apiHandlers } from './api/api-handlers.js';
import { type BrokerState } from './broker-state.js';
import { RequestFrames } from './request-frames.js';
import { type RequestFaults, type RequestFate } from './request-faults.js';
import { MalformedRequest, WireReader } from './wire-reader.js';
import { WireWriter } from './wire-writer.js';

export interface ConnectionOptions {
  readonly broker: BrokerState;
  readonly faults: RequestFaults;
  readonly logger: Logger;
  /** Larger requests close the connection, bytes. */
  readonly requestBytesMax: number;
  readonly onRequest: (api: ApiName) => void;
  readonly onClose: (connection: Connection) => void;
}

/** Requests that may wait for the one before them; no more is read from the socket until there are fewer. */
const waitingMax = 32;

/**
 * One client. Requests are carried out one at a time and answered in their order, so a fetch that waits holds up this client alone. Whatever a
 * client sends, the worst that comes of it is that its connection closes.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #frames: RequestFrames;
  readonly #aborter = new AbortController();
  readonly #waiting: Buffer[] = [];
  #isBusy = false;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#frames = new RequestFrames(options.requestBytesMax);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => this.destroy());
    socket.on('close', () => {
      this.destroy();
      options.onClose(this);
    });
  }

  /** Closes at once; what waits is called off. */
  destroy(): void {
    this.#waiting.length = 0;
    this.#aborter.abort();
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#aborter.signal.aborted) return;
    try {
      this.#waiting.push(...this.#frames.push(chunk));
    } catch (error) {
      return this.#hangUp(error);
    }
    if (this.#waiting.length > waitingMax) this.#socket.pause();
    if (!this.#isBusy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let request = this.#next(); request !== undefined; request = this.#next()) {
      try {
        await this.#answer(request);
      } catch (error) {
        this.#hangUp(error);
      }
    }
    this.#isBusy = false;
  }

  #next(): Buffer | undefined {
    const request = this.#waiting.shift();
    if (this.#waiting.length <= waitingMax / 2 && this.#socket.isPaused()) this.#socket.resume();
    return request;
  }

  async #answer(request: Buffer): Promise<void> {
    const reader = new WireReader(request);
    const key = reader.int16();
    const version = reader.int16();
    const correlationId = reader.int32();
    const clientId = reader.nullableString() ?? '';
    const api = apiNamed(key);
    if (api === undefined || !isSpoken(api, version)) throw new MalformedRequest(`request ${key} version ${version}`);
    if (isFlexible(api, version)) reader.tags();
    this.#options.onRequest(api);
    const { broker, faults } = this.#options;
    const fate = faults.next(key);
    const { signal } = this.#aborter;
    if (fate.delayMs > 0) await wait(broker.clock, fate.delayMs, signal);
    if (fate.isDropped) return this.destroy();
    if (signal.aborted) return;
    const writer = new WireWriter().int32(correlationId);
    if (isFlexible(api, version)) writer.noTags();
    const clientHost = this.#socket.remoteAddress ?? '';
    const call: ApiCall = { reader, writer, version, broker, clientId, clientHost, injectedError: fate.error, signal };
    this.#finish(await apiHandlers[api](call), fate, writer);
  }

  #finish(outcome: ApiOutcome, fate: RequestFate, writer: WireWriter): void {
    if (outcome === 'hang-up' || fate.losesAnswer) return this.destroy();
    if (outcome === 'silence' || this.#socket.destroyed) return;
    this.#socket.cork();
    for (const chunk of writer.finish()) this.#socket.write(chunk);
    this.#socket.uncork();
  }

  #hangUp(error: unknown): void {
    const level = error instanceof MalformedRequest ? 'warn' : 'error';
    this.#options.logger[level]({ reason: messageOf(error) }, 'a client of the embedded Kafka is hung up on');
    this.destroy();
  }
}
