/** Bytes that a request is given at first; it grows by doubling. */
const firstBytes = 256;
const uuidBytes = 16;
const noUuid = '0'.repeat(2 * uuidBytes);

/** Writes a request in Kafka's flexible encoding, its header's tagged fields first. A topic's id is 32 hexadecimal digits here. */
export class FlexibleWriter {
  #bytes = Buffer.allocUnsafe(firstBytes);
  #at = 0;

  constructor() {
    this.noTags();
  }

  get written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  int8(value: number): this {
    const at = this.#take(1);
    this.#bytes.writeInt8(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#take(4);
    this.#bytes.writeInt32BE(value, at);
    return this;
  }

  int64(value: bigint): this {
    const at = this.#take(8);
    this.#bytes.writeBigInt64BE(value, at);
    return this;
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  text(text: string): this {
    const length = Buffer.byteLength(text, 'utf8');
    this.#count(length + 1);
    const at = this.#take(length);
    this.#bytes.write(text, at, 'utf8');
    return this;
  }

  /** `undefined`: none. */
  uuid(id: string | undefined): this {
    const at = this.#take(uuidBytes);
    this.#bytes.write(id ?? noUuid, at, 'hex');
    return this;
  }

  /** `undefined`: none, which is not the same as an empty one. */
  array<T>(elements: readonly T[] | undefined, write: (element: T) => void): this {
    this.#count(elements === undefined ? 0 : elements.length + 1);
    for (const element of elements ?? []) write(element);
    return this;
  }

  noTags(): this {
    this.#count(0);
    return this;
  }

  #count(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.int8(((rest & 0x7f) | 0x80) - 0x100);
      rest >>>= 7;
    }
    this.int8(rest);
  }

  #take(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    if (this.#at > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    return at;
  }
}

/** Reads an answer in Kafka's flexible encoding, from behind its header's tagged fields on. Throws `RangeError` where it is too short. */
export class FlexibleReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.tags();
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

  text(): string | null {
    const length = this.#count() - 1;
    if (length < 0) return null;
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** `undefined`: none. */
  uuid(): string | undefined {
    const at = this.#take(uuidBytes);
    const id = this.#bytes.toString('hex', at, at + uuidBytes);
    return id === noUuid ? undefined : id;
  }

  /**
   * A byte string behind its length in four bytes, as older versions write it; a view, whose length lies where something was that is read already.
   * `undefined`: none, or an empty one.
   */
  sizedBytes(): Buffer | undefined {
    const length = this.#count() - 1;
    if (length <= 0) return undefined;
    const at = this.#take(length);
    this.#bytes.writeInt32BE(length, at - 4);
    return this.#bytes.subarray(at - 4, at + length);
  }

  array<T>(read: () => T): T[] {
    const length = this.#count() - 1;
    const elements: T[] = [];
    for (let index = 0; index < length; index += 1) elements.push(read());
    return elements;
  }

  /** Passes tagged fields; `read` is asked for each, and may read of it what it knows. */
  tags(read: (tag: number) => void = () => undefined): void {
    for (let left = this.#count(); left > 0; left -= 1) {
      const tag = this.#count();
      const length = this.#count();
      const at = this.#at;
      read(tag);
      this.#at = at;
      this.#take(length);
    }
  }

  #count(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#take(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a count of more than five bytes');
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#bytes.length) throw new RangeError('the answer ends too early');
    this.#at += bytes;
    return at;
  }
}
