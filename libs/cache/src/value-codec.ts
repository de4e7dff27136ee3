import { type Codec, type Payload } from '@tidemark/protocol';
import { messageOf, TidemarkError } from '@tidemark/runtime';
import { type CacheDefinition } from './define-cache.js';
import { type StandardSchema } from './standard-schema.js';

export interface EncodedValue {
  readonly payload: Payload;
  /** What a reader of `payload` gets: what L1 holds after a put. */
  readonly value: unknown;
}

/** A cache's values at its edges: checked and encoded on a put, decoded and checked when they come from L2. */
export class ValueCodec {
  readonly #cache: string;
  readonly #codec: Codec<unknown>;
  readonly #schema: StandardSchema;

  constructor({ name, codec, schema }: CacheDefinition) {
    this.#cache = name;
    this.#codec = codec;
    this.#schema = schema;
  }

  get name(): string {
    return this.#codec.name;
  }

  /** Throws `INVALID_VALUE` when the schema refuses the value or the codec cannot hold it. */
  encode(value: unknown): EncodedValue {
    if (value === undefined) throw this.#invalid('undefined cannot be put: it means absent; delete the key instead');
    const checked = this.#check(value, 'INVALID_VALUE');
    try {
      const payload = this.#codec.encode(checked);
      return { payload, value: this.#check(this.#codec.decode(payload), 'INVALID_VALUE') };
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      throw this.#invalid(`codec ${this.#codec.name}: ${messageOf(error)}`, error);
    }
  }

  /** Throws `MALFORMED_ITEM` when the stored value is not what this cache holds. A missing codec name means this cache's. */
  decode(payload: Payload, codec: string | null): unknown {
    if (codec !== null && codec !== this.#codec.name)
      throw this.#malformed(
        `stored with codec ${JSON.stringify(codec.slice(0, 32))}, this cache reads ${this.#codec.name}`,
      );
    let value: unknown;
    try {
      value = this.#codec.decode(payload);
    } catch (error) {
      throw this.#malformed(`codec ${this.#codec.name}: ${messageOf(error)}`, error);
    }
    if (value === undefined) throw this.#malformed(`codec ${this.#codec.name} decoded undefined`);
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

  #check(value: unknown, code: 'INVALID_VALUE' | 'MALFORMED_ITEM'): unknown {
    const result = this.#schema['~standard'].validate(value);
    if (result instanceof Promise) {
      result.catch(() => undefined);
      throw new TidemarkError(
        'INVALID_OPTIONS',
        `cache ${this.#cache}: schema: expected a synchronous schema, got one that validates asynchronously`,
        { retriable: false },
      );
    }
    if (result.issues === undefined) return result.value;
    const issues = result.issues.slice(0, 5).map((issue) => `${pathOf(issue.path)}${issue.message}`);
    throw code === 'INVALID_VALUE' ? this.#invalid(issues.join('; ')) : this.#malformed(issues.join('; '));
  }

  #invalid(reason: string, cause?: unknown): TidemarkError {
    return new TidemarkError('INVALID_VALUE', `cache ${this.#cache}: value refused: ${reason}`, {
      retriable: false,
      cause,
      context: { cache: this.#cache },
    });
  }

  #malformed(reason: string, cause?: unknown): TidemarkError {
    return new TidemarkError('MALFORMED_ITEM', `cache ${this.#cache}: stored value refused: ${reason}`, {
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
