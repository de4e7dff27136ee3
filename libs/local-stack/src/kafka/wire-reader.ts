/** A request that cannot be what it claims to be; the connection it came on is closed. */
export class MalformedRequest extends Error {
  override readonly name = 'MalformedRequest';
}

/** Reads the protocol's primitive types, in both of its encodings. Throws `MalformedRequest` when the bytes do not hold what is asked for. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  string(): string {
    return this.nullableString() ?? missing('string');
  }

  nullableString(): string | null {
    const length = this.int16();
    if (length < -1) throw new MalformedRequest(`a string of ${length} bytes`);
    if (length === -1) return null;
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  /** A view of the request, not a copy. */
  bytes(): Buffer {
    return this.nullableBytes() ?? missing('byte string');
  }

  nullableBytes(): Buffer | null {
    const length = this.int32();
    if (length < -1) throw new MalformedRequest(`a byte string of ${length} bytes`);
    if (length === -1) return null;
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  array<T>(read: (reader: this) => T): T[] {
    return this.nullableArray(read) ?? missing('array');
  }

  nullableArray<T>(read: (reader: this) => T): T[] | null {
    const length = this.int32();
    if (length === -1) return null;
    // An element takes a byte at least, so a length beyond what is left is a lie, told before anything is allocated for it.
    if (length < -1 || length > this.remaining) throw new MalformedRequest(`an array of ${length} elements`);
    const elements: T[] = [];
    for (let index = 0; index < length; index += 1) elements.push(read(this));
    return elements;
  }

  /** The flexible encoding of `array`. */
  compactArray<T>(read: (reader: this) => T): T[] | null {
    const length = this.#count() - 1;
    if (length < 0) return null;
    if (length > this.remaining) throw new MalformedRequest(`an array of ${length} elements`);
    const elements: T[] = [];
    for (let index = 0; index < length; index += 1) elements.push(read(this));
    return elements;
  }

  /** The flexible encoding of `nullableString`. */
  compactString(): string | null {
    const length = this.#count() - 1;
    if (length < 0) return null;
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  /** 32 hexadecimal digits. */
  uuid(): string {
    const start = this.#take(16);
    return this.#bytes.toString('hex', start, start + 16);
  }

  /** Passes what a structure of the flexible encoding ends with. */
  tags(): void {
    for (let left = this.#count(); left > 0; left -= 1) {
      this.#count();
      this.#take(this.#count());
    }
  }

  #count(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.int8();
      value |= (byte & 0x7f) << shift;
      if (byte >= 0) return value;
    }
    throw new MalformedRequest('a count of more than four bytes');
  }

  #take(length: number): number {
    if (length > this.remaining) throw new MalformedRequest('the request ends too early');
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

function missing(what: string): never {
  throw new MalformedRequest(`null where a ${what} is needed`);
}
