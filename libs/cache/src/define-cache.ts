import { type Codec, isBucket, jsonCodec, tableProblem } from '@tidemark/protocol';
import { type ByteSize, type Duration, parseByteSize, parseDuration } from '@tidemark/runtime';
import { invalidOption, onlyFields, wholeNumber } from './options.js';
import { type OutputOf, type StandardSchema } from './standard-schema.js';

/** What a cache is declared with. */
export interface CacheOptions<S extends StandardSchema> {
  /** Names the cache in the process and is the bucket of its keys in the table: `[a-z0-9-]`, at most 64. */
  readonly name: string;
  /** DynamoDB table; several caches may share one. */
  readonly table: string;
  /** Checks values when they are put and when they are decoded, never on a hit; `trust<V>()` checks nothing. Must be synchronous. */
  readonly schema: S;
  /** Default JSON. A codec is needed for types that do not survive JSON (Date, Map, bigint). */
  readonly codec?: Codec<OutputOf<S>>;
  /** Entries in L1; default 10,000. */
  readonly maxEntries?: number;
  /** Approximate heap of the entries in L1; default `'64mb'`. */
  readonly maxSize?: ByteSize;
  /** What an event does to an entry that it follows: `update` (default) installs the new value, `invalidate` drops the entry. */
  readonly mode?: 'update' | 'invalidate';
  /** Time a read of L2 may take; default `'1s'`. */
  readonly readTimeout?: Duration;
  /** Time a write may take, retries and waiting for earlier writes of the key included; default `'2s'`. */
  readonly writeTimeout?: Duration;
}

/** A declared cache: its name, table and type travel together. Hand it to `createTidemark`, or to `TidemarkModule.forFeature`. */
export interface CacheDefinition<V = unknown> {
  readonly name: string;
  readonly table: string;
  readonly schema: StandardSchema<V>;
  readonly codec: Codec<V>;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly mode: 'update' | 'invalidate';
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
}

/** What one JavaScript Map can hold. */
const entriesMax = 16_777_216;

const fields = ['name', 'table', 'schema', 'codec', 'maxEntries', 'maxSize', 'mode', 'readTimeout', 'writeTimeout'];

/** Declares a cache. Throws `INVALID_OPTIONS` naming the field. */
export function defineCache<S extends StandardSchema>(options: CacheOptions<S>): CacheDefinition<OutputOf<S>> {
  if (typeof options !== 'object' || options === null) throw invalidOption('defineCache', 'an object', options);
  const { name } = options;
  if (typeof name !== 'string' || !isBucket(name))
    throw invalidOption('name', '1 to 64 lower-case letters, digits and hyphens', name);
  const where = `cache ${name}`;
  onlyFields(where, options, fields);
  const { codec = jsonCodec as Codec<OutputOf<S>> } = options;
  return Object.freeze({
    name,
    table: checkTable(where, options.table),
    schema: checkSchema(where, options.schema) as StandardSchema<OutputOf<S>>,
    codec: checkCodec(where, codec),
    mode: checkMode(where, options.mode ?? 'update'),
    maxEntries: wholeNumber(`${where}: maxEntries`, options.maxEntries ?? 10_000, 1, entriesMax),
    maxBytes: parseByteSize(options.maxSize ?? '64mb', `${where}: maxSize`),
    readTimeoutMs: parseDuration(options.readTimeout ?? '1s', `${where}: readTimeout`),
    writeTimeoutMs: parseDuration(options.writeTimeout ?? '2s', `${where}: writeTimeout`),
  });
}

/** What may be read from a process's configuration; a cache's name, table and type stay where it was declared. */
export type CacheTuning = Pick<
  CacheOptions<StandardSchema>,
  'maxEntries' | 'maxSize' | 'mode' | 'readTimeout' | 'writeTimeout'
>;

/** A definition with some of its numbers changed. Throws `INVALID_OPTIONS` naming the field. */
export function tuneCache<V>(definition: CacheDefinition<V>, tuning: CacheTuning): CacheDefinition<V> {
  const where = `cache ${definition.name}`;
  onlyFields(where, tuning, ['maxEntries', 'maxSize', 'mode', 'readTimeout', 'writeTimeout']);
  const { maxEntries, maxSize, mode, readTimeout, writeTimeout } = tuning;
  return Object.freeze({
    ...definition,
    ...(mode === undefined ? {} : { mode: checkMode(where, mode) }),
    ...(maxEntries === undefined ? {} : { maxEntries: wholeNumber(`${where}: maxEntries`, maxEntries, 1, entriesMax) }),
    ...(maxSize === undefined ? {} : { maxBytes: parseByteSize(maxSize, `${where}: maxSize`) }),
    ...(readTimeout === undefined ? {} : { readTimeoutMs: parseDuration(readTimeout, `${where}: readTimeout`) }),
    ...(writeTimeout === undefined ? {} : { writeTimeoutMs: parseDuration(writeTimeout, `${where}: writeTimeout`) }),
  });
}

function checkTable(where: string, table: string): string {
  const problem = tableProblem(table);
  if (problem === undefined) return table;
  throw invalidOption(`${where}: table`, problem.replace('expected ', ''), table);
}

function checkSchema<S extends StandardSchema>(where: string, schema: S): S {
  const validate: unknown = (schema as StandardSchema | undefined)?.['~standard']?.validate;
  if (typeof validate === 'function') return schema;
  throw invalidOption(`${where}: schema`, 'a Standard Schema, or trust<V>()', schema);
}

function checkCodec<V>(where: string, codec: Codec<V>): Codec<V> {
  const { name, encode, decode } = (codec ?? {}) as Partial<Record<keyof Codec<V>, unknown>>;
  if (
    typeof name === 'string' &&
    /^[a-z0-9-]{1,32}$/.test(name) &&
    typeof encode === 'function' &&
    typeof decode === 'function'
  )
    return codec;
  throw invalidOption(`${where}: codec`, 'a name of [a-z0-9-], encode and decode', codec);
}

function checkMode(where: string, mode: unknown): 'update' | 'invalidate' {
  if (mode === 'update' || mode === 'invalidate') return mode;
  throw invalidOption(`${where}: mode`, "'update' or 'invalidate'", mode);
}
