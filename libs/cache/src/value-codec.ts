import { type Codec, type Payload } from '@tidemark/protocol';
import { isTidemarkError, messageOf, TidemarkError } from '@tidemark/runtime';
import { compress, compressedName, decompress, partsOfName } from './compression.js';
import { type CacheDefinition } from './define-cache.js';
import { lostOf } from './lost-of.js';
import { type SchemaResult, type StandardSchema } from './standard-schema.js';

export interface EncodedValue {
  readonly payload: Payload;
  /** What stands beside the payload: the codec's name, and how it is compressed. */
  readonly codec: string;
  /** What a reader of `payload` gets: what L1 holds after a put. */
  readonly value: unknown;
}

/** On a put, and when it comes from L2. */
type Refusal = 'INVALID_VALUE' | 'MALFORMED_ITEM';

/** A cache's values at its edges: checked and encoded on a put, decoded and checked when they come from L2. */
export class ValueCodec {
  readonly #cache: string;
  readonly #codec: Codec<unknown>;
  readonly #schema: StandardSchema;
  readonly #compressFromBytes: number;

  constructor({ name, codec, schema, compressFromBytes }: CacheDefinition) {
    this.#compressFromBytes = compressFromBytes;
    this.#cache = name;
    this.#codec = codec;
    this.#schema = schema;
  }

  get name(): string {
    return this.#codec.name;
  }

  /** Throws `INVALID_VALUE` when the schema refuses the value, the codec cannot hold it, or an exact codec would make another of it. */
  encode(value: unknown): EncodedValue {
    if (value === undefined)
      throw this.#refused('INVALID_VALUE', 'undefined cannot be put: it means absent; delete the key instead');
    const checked = this.#check(value, 'INVALID_VALUE');
    try {
      const payload: unknown = this.#codec.encode(checked);
      if (typeof payload !== 'string' && !(payload instanceof Uint8Array))
        throw new TypeError('encode: expected a string or a Uint8Array');
      const decoded = this.#codec.decode(payload);
      const back = this.#check(decoded, 'INVALID_VALUE');
      if (this.#codec.exact === true) this.#refuseLoss(checked, decoded, back);
      return { ...this.#stored(payload), value: back };
    } catch (error) {
      if (isTidemarkError(error)) throw error;
      throw this.#refused('INVALID_VALUE', `codec ${this.#codec.name}: ${messageOf(error)}`, error);
    }
  }

  /** What the codec does not give back as it is, a schema may: one that makes dates of texts, say. */
  #refuseLoss(value: unknown, decoded: unknown, back: unknown): void {
    const lost = lostOf(value, decoded);
    if (lost === undefined || (back !== decoded && lostOf(value, back) === undefined)) return;
    const reason = `${lost.path}expected what ${this.#codec.name} gives back as it is, or a codec of the cache's own, got ${lost.what}`;
    throw this.#refused('INVALID_VALUE', reason);
  }

  #stored(payload: Payload): Omit<EncodedValue, 'value'> {
    const compressed = compress(payload, this.#compressFromBytes);
    const { name } = this.#codec;
    return compressed === undefined ? { payload, codec: name } : { payload: compressed, codec: compressedName(name) };
  }

  /**
   * Throws `MALFORMED_ITEM` when the stored value is not what this cache holds. A missing codec name means this cache's. Compressed or not, it is
   * read, whatever this cache does itself.
   */
  decode(payload: Payload, codec: string | null): unknown {
    const { name, isCompressed } = partsOfName(codec ?? this.#codec.name);
    if (codec !== null && name !== this.#codec.name)
      throw this.#refused(
        'MALFORMED_ITEM',
        `stored with codec ${JSON.stringify(codec.slice(0, 32))}, this cache reads ${this.#codec.name}`,
      );
    let value: unknown;
    try {
      value = this.#codec.decode(isCompressed ? decompress(payload) : payload);
    } catch (error) {
      throw this.#refused('MALFORMED_ITEM', `codec ${this.#codec.name}: ${messageOf(error)}`, error);
    }
    return this.#check(value, 'MALFORMED_ITEM');
  }

  /** Whether two decoded values are stored alike. */
  same(a: unknown, b: unknown): boolean {
    if (a === b) return true;
    try {
      return Buffer.compare(bytesOf(this.#codec.encode(a)), bytesOf(this.#codec.encode(b))) === 0;
    } catch {
      return false;
    }
  }

  /** What the schema makes of it, which is never `undefined`: that would be an absence to the cache, and a value to the table. */
  #check(value: unknown, code: Refusal): unknown {
    const result = this.#validate(value, code);
    if (result.issues !== undefined) {
      const issues = result.issues.slice(0, 5).map((issue) => `${pathOf(issue.path)}${issue.message}`);
      throw this.#refused(code, issues.join('; '));
    }
    if (result.value === undefined) throw this.#refused(code, 'codec or schema made undefined of it');
    return result.value;
  }

  #validate(value: unknown, code: Refusal): SchemaResult<unknown> {
    let result: ReturnType<StandardSchema['~standard']['validate']>;
    try {
      result = this.#schema['~standard'].validate(value);
    } catch (error) {
      throw this.#refused(code, `schema: ${messageOf(error)}`, error);
    }
    if (!('then' in result)) return result;
    result.then(undefined, () => undefined);
    throw new TidemarkError(
      'INVALID_OPTIONS',
      `cache ${this.#cache}: schema: expected a synchronous schema, got one that validates asynchronously`,
      { retriable: false },
    );
  }

  #refused(code: Refusal, reason: string, cause?: unknown): TidemarkError {
    const what = code === 'INVALID_VALUE' ? 'value' : 'stored value';
    return new TidemarkError(code, `cache ${this.#cache}: ${what} refused: ${reason}`, {
      retriable: false,
      cause,
      context: { cache: this.#cache },
    });
  }
}

function pathOf(path: readonly unknown[] | undefined): string {
  if (path === undefined || path.length === 0) return '';
  return `${path.map((part) => String(typeof part === 'object' && part !== null && 'key' in part ? part.key : part)).join('.')}: `;
}

function bytesOf(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload, 'utf8') : payload;
}
