/** Texts up to this length are counted and written here: below it a call into the runtime costs more than the loop. */
const shortText = 24;

/** Writes big-endian numbers, Kafka's varints, texts and bytes into a buffer whose size is known before. */
export class ByteWriter {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(bytes);
  }

  /** Where the next byte goes. */
  get at(): number {
    return this.#at;
  }

  /** What is written, not a copy. */
  get written(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  since(at: number): Buffer {
    return this.#buffer.subarray(at, this.#at);
  }

  int8(value: number): void {
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  int16(value: number): void {
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
  }

  int32(value: number): void {
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
  }

  /** Unsigned, over what was written at `at`. */
  int32At(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at);
  }

  int64(value: number): void {
    this.#at = this.#buffer.writeBigInt64BE(BigInt(value), this.#at);
  }

  /** Zigzag; from -1 up to 2³⁰. */
  varInt(value: number): void {
    let rest = value < 0 ? 1 : value * 2;
    for (; rest > 0x7f; rest >>>= 7) this.int8((rest & 0x7f) | 0x80);
    this.int8(rest);
  }

  /** `bytes`: as `textBytes` counts them. */
  text(text: string, bytes: number): void {
    if (bytes > shortText || bytes !== text.length) this.#at += this.#buffer.write(text, this.#at);
    else for (let index = 0; index < bytes; index += 1) this.int8(text.charCodeAt(index));
  }

  bytes(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}

/** Bytes of a text in UTF-8. */
export function textBytes(text: string): number {
  if (text.length > shortText) return Buffer.byteLength(text);
  for (let index = 0; index < text.length; index += 1)
    if (text.charCodeAt(index) > 0x7f) return Buffer.byteLength(text);
  return text.length;
}

/** Bytes that `varInt` takes; not a number where `value` is none. */
export function varIntBytes(value: number): number {
  if (Number.isNaN(value)) return value;
  let bytes = 1;
  for (let rest = value < 0 ? 1 : value * 2; rest > 0x7f; rest >>>= 7) bytes += 1;
  return bytes;
}
