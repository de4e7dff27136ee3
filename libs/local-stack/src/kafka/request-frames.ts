import { MalformedRequest } from './wire-reader.js';

/** A key, a version, a correlation id and an empty client id. */
const headerBytesMin = 10;

/** Cuts what arrives on a connection into requests: each is its length in four bytes, then that many bytes. Copies a request at most once. */
export class RequestFrames {
  readonly #requestBytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #wanted: number | undefined;

  constructor(requestBytesMax: number) {
    this.#requestBytesMax = requestBytesMax;
  }

  /** The requests that `chunk` completes. Throws `MalformedRequest` at a length that no request can have. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const frames: Buffer[] = [];
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#bytes < 4) return frames;
        this.#wanted = this.#checked(this.#take(4).readInt32BE(0));
      }
      if (this.#bytes < this.#wanted) return frames;
      frames.push(this.#take(this.#wanted));
      this.#wanted = undefined;
    }
  }

  #checked(length: number): number {
    if (length >= headerBytesMin && length <= this.#requestBytesMax) return length;
    throw new MalformedRequest(`a request of ${length} bytes`);
  }

  #take(length: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length < length) this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)];
    const whole = this.#chunks[0] ?? Buffer.alloc(0);
    const rest = whole.subarray(length);
    if (rest.length === 0) this.#chunks.shift();
    else this.#chunks[0] = rest;
    this.#bytes -= length;
    return whole.subarray(0, length);
  }
}
