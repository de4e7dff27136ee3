import { type CdcEvent, type Payload } from '@tidemark/protocol';
import { partsOfName } from './compression.js';
import { HeapEstimator, stringBytes } from './l1/heap-bytes.js';
import { type ValueCodec } from './value-codec.js';

/** What L1 keeps of a value: the value itself, or a `PackedValue` that gives it. */
export interface Held {
  /** `undefined`: an absence. */
  readonly value: unknown;
  /** Approximate heap that hangs from it. */
  readonly bytes: number;
}

/** A value as it is stored: not decoded yet, or never kept decoded. */
export class PackedValue {
  readonly payload: Payload;
  /** The codec's name as it stands in the item; `null`: the cache's. */
  readonly codec: string | null;

  constructor(payload: Payload, codec: string | null) {
    this.payload = payload;
    this.codec = codec;
  }
}

export interface HolderOptions {
  readonly codec: ValueCodec;
  /** `object`: decoded once; `text`: as it is stored, and decoded for each get. */
  readonly hold: 'object' | 'text';
  /** Whether each get is given a copy of its own. */
  readonly clone: boolean;
  /** Whether values are frozen, so that a caller who changes one learns of it at once. */
  readonly freeze: boolean;
}

/** How a cache keeps its values in L1, and what it gives to its callers. */
export class Holder {
  readonly #options: HolderOptions;
  readonly #estimator = new HeapEstimator();
  /** Whether the codec makes texts, as far as was seen. */
  #isText: boolean;

  constructor(options: HolderOptions) {
    this.#options = options;
    this.#isText = options.codec.name === 'json';
  }

  /** Of a value that was just decoded from `payload`, or is about to be stored as it. */
  ofValue(value: unknown, payload: Payload, codec: string | null): Held {
    if (!isCompressed(codec)) this.#isText = typeof payload === 'string';
    if (this.#options.hold === 'text') return packed(payload, codec);
    return this.#ofDecoded(value);
  }

  /** Of an event, which is decoded when a get asks for it: most values change more often than they are read. */
  ofEvent({ value, codec }: Pick<CdcEvent, 'value' | 'codec'>): Held {
    return value === null
      ? absence
      : packed(this.#isText && !isCompressed(codec) ? textOf(value) : Uint8Array.from(value), codec);
  }

  /** Decodes what is packed, into what is to be kept of it from now on, or into what one get is given: then nobody asks for its size. Throws `MALFORMED_ITEM`. */
  unpack({ payload, codec }: PackedValue): Held {
    const value = this.#options.codec.decode(payload, codec);
    if (this.keepsUnpacked) return this.#ofDecoded(value);
    if (this.#options.freeze) deepFreeze(value);
    return { value, bytes: 0 };
  }

  /** Whether a get is given what is held as it stands. */
  givesAsHeld(value: unknown): boolean {
    return !this.#options.clone && !(value instanceof PackedValue);
  }

  /** Whether a value that was unpacked is kept so. */
  get keepsUnpacked(): boolean {
    return this.#options.hold === 'object';
  }

  /** What a caller is given of a decoded value. */
  give(value: unknown): unknown {
    return this.#options.clone ? structuredClone(value) : value;
  }

  /** Whether two values that are held are stored alike. */
  same(a: unknown, b: unknown): boolean {
    const { codec } = this.#options;
    const [first, second] = [a, b].map((each) =>
      each instanceof PackedValue ? attempt(() => codec.decode(each.payload, each.codec)) : each,
    );
    return first !== undefined && second !== undefined && codec.same(first, second);
  }

  #ofDecoded(value: unknown): Held {
    if (this.#options.freeze) deepFreeze(value);
    return { value, bytes: this.#estimator.bytesOf(value) };
  }
}

const absence: Held = { value: undefined, bytes: 0 };

/** What lies deeper is not frozen. */
const freezeDepthMax = 64;

/** Bytes of the record of a packed value, besides its payload. */
const packedBytes = 40;

function packed(payload: Payload, codec: string | null): Held {
  const bytes = typeof payload === 'string' ? stringBytes(payload) : 200 + payload.byteLength;
  return { value: new PackedValue(payload, codec), bytes: bytes + packedBytes };
}

function isCompressed(codec: string | null): boolean {
  return codec !== null && partsOfName(codec).isCompressed;
}

/** The bytes themselves are part of a larger answer, all of which would stay with them. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function attempt(decode: () => unknown): unknown {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** Plain objects and arrays, as decoders make them; others may not bear it. */
function deepFreeze(value: unknown, depthLeft = freezeDepthMax): void {
  if (typeof value !== 'object' || value === null || depthLeft === 0 || Object.isFrozen(value)) return;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part, depthLeft - 1);
}
