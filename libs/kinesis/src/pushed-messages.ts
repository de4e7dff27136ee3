import { type Readable } from 'node:stream';
import { TidemarkError } from '@tidemark/runtime';

/** Of a message: its total length first, then that of its headers, then a checksum of both. */
const preludeBytes = 12;
/** No message of an event stream is larger, bytes: 16 MiB of payload, 128 KiB of headers. */
const messageBytesMax = 17 * 1_024 * 1_024;
/** Times that are remembered for bytes that are not taken yet; losing the oldest only loses freshness. */
const marksMax = 64;

/** A message has arrived in part, or the stream has ended. */
export type Arrival = { readonly bytes: number } | 'end';

interface Mark {
  /** Bytes of the stream that had arrived. */
  readonly offset: number;
  readonly at: number;
}

/**
 * The messages of an event stream, taken from its socket one at a time: nothing is read before somebody asks for a message, so a reader that stands still
 * stops the sender once the socket's own buffers, some 64 KiB, are full. It knows where in the stream each message began, and so which of the times that
 * were marked lie before its first byte arrived.
 */
export class PushedMessages implements AsyncIterable<Uint8Array> {
  readonly #source: Readable;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #marks: Mark[] = [];
  /** Taken from the source, not handed over. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Offset in the stream of the first byte held. */
  #offset = 0;
  #filling: Promise<boolean> | undefined;
  #provenAt: number | null = null;
  #events = 0;
  #lastBytes = 0;
  #wasFull = false;

  constructor(source: Readable) {
    this.#source = source;
    this.#chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** The latest time marked before the first byte of the last message handed over had arrived, ms since the epoch; `null`: none was. */
  get provenAt(): number | null {
    return this.#provenAt;
  }

  /** Events handed over: messages but for the one that answers the request. */
  get events(): number {
    return this.#events;
  }

  /** Size of the last message handed over. */
  get lastBytes(): number {
    return this.#lastBytes;
  }

  /** Bytes of the stream that have arrived. */
  get arrivedBytes(): number {
    return this.#offset + this.#heldBytes + this.#source.readableLength;
  }

  /** Whether the socket's buffers have been full since the last call of this, so that the sender may have had to keep messages back. */
  takeWasFull(): boolean {
    const wasFull = this.#wasFull || this.#isFull;
    this.#wasFull = false;
    return wasFull;
  }

  /** Every message of which no byte has arrived by now left the sender at `at` or later, ms since the epoch. */
  mark(at: number): void {
    const offset = this.arrivedBytes;
    if (this.#marks.at(-1)?.offset === offset) this.#marks.pop();
    this.#marks.push({ offset, at });
    if (this.#marks.length > marksMax) this.#marks.shift();
  }

  /** Resolves once the next message begins to arrive, to its size; at once where one has. Rejects with what ended the stream before its time. */
  async arrival(): Promise<Arrival> {
    while (this.#heldBytes < preludeBytes) if (!(await this.#fill())) return this.#end();
    const bytes = this.#peek().readUInt32BE(0);
    if (bytes > preludeBytes && bytes <= messageBytesMax) return { bytes };
    throw broken(`a message of ${bytes} bytes`);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (let next = await this.arrival(); next !== 'end'; next = await this.arrival()) {
      while (this.#heldBytes < next.bytes) if (!(await this.#fill())) this.#end();
      yield this.#take(next.bytes);
    }
  }

  /** Ends the stream and its connection. */
  close(): void {
    this.#source.destroy();
  }

  get #isFull(): boolean {
    return this.#source.readableLength >= this.#source.readableHighWaterMark;
  }

  /** `false`: there is nothing more. */
  #fill(): Promise<boolean> {
    this.#wasFull ||= this.#isFull;
    this.#filling ??= this.#chunks
      .next()
      .then(({ value, done }) => {
        if (done === true) return false;
        this.#held.push(value);
        this.#heldBytes += value.byteLength;
        return true;
      })
      .finally(() => (this.#filling = undefined));
    return this.#filling;
  }

  #end(): 'end' {
    if (this.#heldBytes === 0) return 'end';
    throw broken('ended within a message');
  }

  #peek(): Buffer {
    const [first] = this.#held;
    if (first !== undefined && first.byteLength >= preludeBytes) return first;
    this.#held = [Buffer.concat(this.#held)];
    return this.#peek();
  }

  #take(bytes: number): Uint8Array {
    const all = this.#held.length === 1 ? (this.#held[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#held);
    const message = all.subarray(0, bytes);
    for (const { offset, at } of this.#marks) if (offset <= this.#offset) this.#provenAt = at;
    while ((this.#marks[0]?.offset ?? Infinity) <= this.#offset) this.#marks.shift();
    this.#held = all.byteLength > bytes ? [all.subarray(bytes)] : [];
    this.#heldBytes -= bytes;
    this.#offset += bytes;
    this.#lastBytes = bytes;
    if (!isInitialResponse(message)) this.#events += 1;
    return message;
  }
}

/** The first message of a stream may be the answer to the request instead of an event: its type stands in the headers, as text. */
function isInitialResponse(message: Buffer): boolean {
  return message.subarray(preludeBytes, preludeBytes + message.readUInt32BE(4)).includes('initial-response');
}

function broken(what: string): TidemarkError {
  return new TidemarkError('STREAM_UNAVAILABLE', `the event stream of a shard is broken: ${what}`, { retriable: true });
}
