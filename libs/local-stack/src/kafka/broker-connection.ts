import { wait } from '@tidemark/runtime';
import { type Socket } from 'node:net';
import { apis, writeApiVersions } from './api-table.js';
import { type BrokerState } from './broker-state.js';
import { errorCodes } from './error-codes.js';
import { apiKeys, type KafkaFaults } from './kafka-faults.js';
import { WireReader } from './wire-reader.js';
import { WireWriter } from './wire-writer.js';

/** Larger than any request of a client that is one. */
const requestBytesMax = 100 * 1_048_576;

/** Requests of one client that may wait for their answers before no more are read from it. */
const pendingMax = 64;

/**
 * One client: requests are answered in their order, one at a time, as the protocol wants. Whatever a client sends, the worst that happens
 * is that its connection closes.
 */
export class BrokerConnection {
  readonly #socket: Socket;
  readonly #state: BrokerState;
  readonly #faults: KafkaFaults;
  readonly #gone = new AbortController();
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #last: Promise<void> = Promise.resolve();
  #pending = 0;

  constructor(
    socket: Socket,
    state: BrokerState,
    faults: KafkaFaults,
    onClose: (connection: BrokerConnection) => void,
  ) {
    this.#socket = socket;
    this.#state = state;
    this.#faults = faults;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#gone.abort();
      onClose(this);
    });
  }

  destroy(): void {
    this.#gone.abort();
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    while (this.#receivedBytes >= 4) {
      const bytes = this.#joined();
      const length = bytes.readInt32BE(0);
      if (length < 8 || length > requestBytesMax) return this.destroy();
      if (bytes.length < 4 + length) return;
      this.#received = [bytes.subarray(4 + length)];
      this.#receivedBytes = bytes.length - 4 - length;
      const request = bytes.subarray(4, 4 + length);
      this.#enqueue(request);
    }
  }

  #enqueue(request: Buffer): void {
    this.#pending += 1;
    if (this.#pending >= pendingMax) this.#socket.pause();
    this.#last = this.#last
      .then(() => this.#handle(request))
      .catch(() => this.destroy())
      .finally(() => {
        this.#pending -= 1;
        if (this.#pending < pendingMax) this.#socket.resume();
      });
  }

  /** What has been received, in one buffer; joined only when a whole request may be there, so that a large one is not copied again and again. */
  #joined(): Buffer {
    const first = this.#received[0];
    if (this.#received.length === 1 && first !== undefined) return first;
    if (first !== undefined && first.length >= 4 && this.#receivedBytes < 4 + first.readInt32BE(0)) return first;
    const bytes = Buffer.concat(this.#received);
    this.#received = [bytes];
    return bytes;
  }

  async #handle(request: Buffer): Promise<void> {
    if (this.#gone.signal.aborted) return;
    const reader = new WireReader(request);
    const key = reader.int16();
    const version = reader.int16();
    const correlationId = reader.int32();
    const clientId = reader.nullableString() ?? '';
    const fate = this.#faults.next(key);
    if (fate.delayMs > 0) await wait(this.#state.clock, fate.delayMs, this.#gone.signal);
    if (fate.drop) return this.destroy();
    const writer = new WireWriter().int32(correlationId);
    const api = apis.get(key);
    if (api === undefined || (version !== api.version && key !== apiKeys.ApiVersions)) return this.destroy();
    if (key === apiKeys.ApiVersions && version !== api.version) {
      writeApiVersions(writer, errorCodes.UNSUPPORTED_VERSION);
      return this.#send(writer);
    }
    const answered = await api.handle({
      reader,
      writer,
      state: this.#state,
      clientId,
      injectedError: fate.error,
      gone: this.#gone.signal,
    });
    if (answered !== 'no-answer') this.#send(writer);
  }

  #send(writer: WireWriter): void {
    if (this.#socket.destroyed) return;
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(writer.length);
    this.#socket.cork();
    this.#socket.write(length);
    for (const chunk of writer.chunks) this.#socket.write(chunk);
    this.#socket.uncork();
  }
}
