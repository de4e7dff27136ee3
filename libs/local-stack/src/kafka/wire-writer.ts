/** Byte strings up to this long are copied, longer ones are kept by reference. */
const copiedBytesMax = 1_024;
const firstScratchBytes = 256;
const scratchBytes = 4_096;

/** Writes the protocol's primitive types, in both of its encodings, into a frame that begins with its own length. */
export class WireWriter {
  readonly #chunks: Buffer[] = [];
  #scratch = Buffer.allocUnsafe(firstScratchBytes);
  #from = 0;
  #to = 4;
  /** Bytes in `#chunks`. */
  #flushed = 0;

  int8(value: number): this {
    const start = this.#room(1);
    this.#scratch.writeInt8(value, start);
    return this;
  }

  int16(value: number): this {
    const start = this.#room(2);
    this.#scratch.writeInt16BE(value, start);
    return this;
  }

  int32(value: number): this {
    const start = this.#room(4);
    this.#scratch.writeInt32BE(value, start);
    return this;
  }

  int64(value: bigint): this {
    const start = this.#room(8);
    this.#scratch.writeBigInt64BE(value, start);
    return this;
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    const bytes = Buffer.from(text, 'utf8');
    return this.int16(bytes.length).raw(bytes);
  }

  bytes(bytes: Buffer | null): this {
    return bytes === null ? this.int32(-1) : this.int32(bytes.length).raw(bytes);
  }

  array<T>(elements: readonly T[], write: (element: T, writer: this) => void): this {
    this.int32(elements.length);
    for (const element of elements) write(element, this);
    return this;
  }

  /** The flexible encoding of `string`. */
  compactString(text: string | null): this {
    if (text === null) return this.count(0);
    const bytes = Buffer.from(text, 'utf8');
    return this.count(bytes.length + 1).raw(bytes);
  }

  /** The flexible encoding of `array`. */
  compactArray<T>(elements: readonly T[], write: (element: T, writer: this) => void): this {
    this.count(elements.length + 1);
    for (const element of elements) write(element, this);
    return this;
  }

  /** 32 hexadecimal digits. */
  uuid(id: string): this {
    return this.raw(Buffer.from(id, 'hex'));
  }

  /** What a structure of the flexible encoding ends with. */
  noTags(): this {
    return this.count(0);
  }

  /** An unsigned number of as many bytes as it needs. */
  count(value: number): this {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.int8((rest & 0x7f) - 0x80);
    return this.int8(rest);
  }

  raw(bytes: Buffer): this {
    if (bytes.length <= copiedBytesMax) {
      const start = this.#room(bytes.length);
      bytes.copy(this.#scratch, start);
      return this;
    }
    this.#flush();
    this.#chunks.push(bytes);
    this.#flushed += bytes.length;
    return this;
  }

  /** The frame in pieces, its length first. Ends the writing. */
  finish(): readonly Buffer[] {
    this.#flush();
    this.#chunks[0]?.writeInt32BE(this.#flushed - 4, 0);
    return this.#chunks;
  }

  /** Where the next `length` bytes go in `#scratch`, which may be a new one. */
  #room(length: number): number {
    if (this.#to + length > this.#scratch.length) {
      this.#flush();
      this.#scratch = Buffer.allocUnsafe(Math.max(scratchBytes, length));
      this.#from = 0;
      this.#to = 0;
    }
    const start = this.#to;
    this.#to += length;
    return start;
  }

  #flush(): void {
    if (this.#to === this.#from) return;
    this.#chunks.push(this.#scratch.subarray(this.#from, this.#to));
    this.#flushed += this.#to - this.#from;
    this.#from = this.#to;
  }
}
