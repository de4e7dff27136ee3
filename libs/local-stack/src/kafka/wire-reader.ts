/** A request that cannot be what it claims to be; the connection it came on is closed. */
export class MalformedRequest extends Error {}

/** Elements of one array; more than any client sends. */
const arrayMax = 1_000_000;

/** Reads the Kafka protocol's primitive types (non-flexible versions). Throws `MalformedRequest` past the end. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
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

  nullableString(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  string(): string {
    const text = this.nullableString();
    if (text === null) throw new MalformedRequest('null where a string is needed');
    return text;
  }

  /** A view of the request, not a copy. */
  nullableBytes(): Buffer | null {
    const length = this.int32();
    if (length < 0) return null;
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  bytes(): Buffer {
    return this.nullableBytes() ?? Buffer.alloc(0);
  }

  nullableArray<T>(read: (reader: this) => T): T[] | null {
    const length = this.int32();
    if (length < 0) return null;
    if (length > arrayMax) throw new MalformedRequest(`an array of ${length} elements`);
    const elements: T[] = [];
    for (let i = 0; i < length; i += 1) elements.push(read(this));
    return elements;
  }

  array<T>(read: (reader: this) => T): T[] {
    return this.nullableArray(read) ?? [];
  }

  #take(length: number): number {
    const start = this.#at;
    if (length < 0 || start + length > this.#bytes.length) throw new MalformedRequest('the request ends too early');
    this.#at = start + length;
    return start;
  }
}
