import { type Codec, isBucket, jsonCodec, tableProblem } from '@tidemark/protocol';
import { type ByteSize, type Duration, parseByteSize, parseDuration } from '@tidemark/runtime';
import { type Eviction } from './l1/l1.js';
import { invalidOption, oneOf, onlyFields, stalenessLimit, wholeNumber } from './options.js';
import { type Availability } from './overload/table-guard.js';
import { type OutputOf, type StandardSchema } from './standard-schema.js';
import { type WarmUpOptions, type WarmUpPlan, warmUpPlan, type WarmUpStrategy } from './warm-up/warm-up-options.js';

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
  /**
   * Values whose encoded form is at least as large are stored compressed (Brotli), where that saves a tenth of it; default: none are. Every Tidemark
   * reads both, other readers of the table have to know.
   */
  readonly compress?: ByteSize;
  /** Entries in L1; default 10,000. */
  readonly maxEntries?: number;
  /** Approximate heap of the entries in L1; default `'64mb'`. */
  readonly maxSize?: ByteSize;
  /**
   * Which entry leaves a full L1: `lru` (default), the least recently used; `s3-fifo`, what was used least of what is there longest: cheaper hits,
   * and a scan pushes out little.
   */
  readonly eviction?: Eviction;
  /**
   * `object` (default): L1 keeps values decoded, and hands out references to them; they are frozen unless `NODE_ENV` is `production`. `text`: as
   * they are stored, and each get decodes: several times less to do for the garbage collector, for some microseconds a get.
   */
  readonly hold?: 'object' | 'text';
  /** Whether each get is given a copy of its own, made by `structuredClone`; default `false`. Needless with `hold: 'text'`. */
  readonly clone?: boolean;
  /** What an event does to an entry that it follows: `update` (default) installs the new value, `invalidate` drops the entry. */
  readonly mode?: 'update' | 'invalidate';
  /** Time a read of L2 may take; default `'1s'`. */
  readonly readTimeout?: Duration;
  /** Time a write may take, retries and waiting for earlier writes of the key included; default `'2s'`. */
  readonly writeTimeout?: Duration;
  /** Time a whole `getOrLoad` may take once L2 has no value, and how long its lease holds; default `'10s'`. */
  readonly loadTimeout?: Duration;
  /**
   * L1 answers only with what was right this long ago at most; default the Tidemark's, and there none. Where the watermark is further behind,
   * L1 becomes a cache of that TTL. At least `'4s'`: the watermark itself is a second or two old.
   */
  readonly maxStaleness?: Duration;
  /**
   * `remove` (default): nothing is left. `tombstone`: an item without a value stays for 24 h, so that a write that is late in the network cannot
   * bring the old value back. A pod that has called `getOrLoad` on the cache leaves tombstones unless `remove` is said.
   */
  readonly deletes?: 'remove' | 'tombstone';
  /** Whether a key that an event drops from L1 is read again at once; default `false`: by the next get. */
  readonly refresh?: boolean;
  /**
   * While L2 fails or sheds, `get` and `getMany` serve what L1 has beyond `maxStaleness` for so much longer; default none. Never what has expired, nor to a call
   * with `atLeast` or a `maxStaleness` of its own.
   */
  readonly grace?: Duration;
  /**
   * `critical` (default); `best-effort`: where the table has too much to do, requests of this cache are shed first, and take half of the table's
   * places at most.
   */
  readonly availability?: Availability;
  /**
   * A second strong read when the first has not answered `after` so long; `true`: after the 95th percentile of the last 30 s, once there are 100
   * reads. Default `false`. At most one read in twenty is hedged; each costs a read of DynamoDB.
   */
  readonly hedge?: boolean | { readonly after: Duration };
  /** Which keys a pod reads into L1 before it is ready; default `none`. See docs/warm-up.md. */
  readonly warmUp?: WarmUpStrategy | WarmUpOptions;
}

/** A declared cache: its name, table and type travel together. Hand it to `createTidemark`, or to `TidemarkModule.forFeature`. */
export interface CacheDefinition<V = unknown> {
  readonly name: string;
  readonly table: string;
  readonly schema: StandardSchema<V>;
  readonly codec: Codec<V>;
  /** Bytes; `Infinity`: never. */
  readonly compressFromBytes: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly eviction: Eviction;
  readonly hold: 'object' | 'text';
  readonly clone: boolean;
  readonly mode: 'update' | 'invalidate';
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly loadTimeoutMs: number;
  /** `undefined`: the Tidemark's. */
  readonly maxStalenessMs: number | undefined;
  /** `undefined`: as `getOrLoad` is used or not. */
  readonly deletes: 'remove' | 'tombstone' | undefined;
  readonly refresh: boolean;
  /** `undefined`: none. */
  readonly graceMs: number | undefined;
  readonly availability: Availability;
  /** `observed`: the 95th percentile; `undefined`: no hedges. */
  readonly hedgeAfterMs: number | 'observed' | undefined;
  /** `undefined`: none. */
  readonly warmUp: WarmUpPlan | undefined;
}

/** What one JavaScript Map can hold. */
const entriesMax = 16_777_216;

const tunable = [
  ...[
    'compress',
    'maxEntries',
    'maxSize',
    'eviction',
    'hold',
    'clone',
    'mode',
    'readTimeout',
    'writeTimeout',
    'loadTimeout',
  ],
  ...['maxStaleness', 'deletes', 'refresh', 'grace', 'availability', 'hedge', 'warmUp'],
];
const fields = ['name', 'table', 'schema', 'codec', ...tunable];

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
    ...defaults,
    ...resolve(where, options),
  });
}

/** What may be read from a process's configuration; a cache's name, table and type stay where it was declared. */
export type CacheTuning = Omit<CacheOptions<StandardSchema>, 'name' | 'table' | 'schema' | 'codec'>;

/** A definition with some of its numbers changed. Throws `INVALID_OPTIONS` naming the field. */
export function tuneCache<V>(definition: CacheDefinition<V>, tuning: CacheTuning): CacheDefinition<V> {
  checkDefinition('tuneCache', definition);
  const where = `cache ${definition.name}`;
  onlyFields(where, tuning, tunable);
  return Object.freeze({ ...definition, ...resolve(where, tuning) });
}

/** Throws `INVALID_OPTIONS` naming `field` for what `defineCache` did not make: in a circle of imports, a definition may not be there yet. By shape, since a process may hold this module twice. */
export function checkDefinition(field: string, definition: unknown): void {
  const { name, table, codec, maxEntries, maxBytes } = Object(definition) as Partial<CacheDefinition>;
  const isNamed = typeof name === 'string' && isBucket(name) && typeof table === 'string';
  if (isNamed && codec !== undefined && maxEntries !== undefined && maxBytes !== undefined) return;
  throw invalidOption(field, 'a definition made by defineCache', definition);
}

type Resolved = Omit<CacheDefinition, 'name' | 'table' | 'schema' | 'codec'>;

const defaults: Resolved = {
  mode: 'update',
  eviction: 'lru',
  hold: 'object',
  clone: false,
  compressFromBytes: Infinity,
  maxEntries: 10_000,
  maxBytes: 64 * 1_024 * 1_024,
  readTimeoutMs: 1_000,
  writeTimeoutMs: 2_000,
  loadTimeoutMs: 10_000,
  maxStalenessMs: undefined,
  deletes: undefined,
  refresh: false,
  graceMs: undefined,
  availability: 'critical',
  hedgeAfterMs: undefined,
  warmUp: undefined,
};

/** Options that are one of a few. */
const choices = {
  mode: ['update', 'invalidate'],
  eviction: ['lru', 's3-fifo'],
  hold: ['object', 'text'],
  clone: [true, false],
  deletes: ['remove', 'tombstone'],
  refresh: [true, false],
  availability: ['critical', 'best-effort'],
} as const;

/** The options that are given, checked; those that are not are left out. */
function resolve(where: string, tuning: CacheTuning): Partial<Resolved> {
  const given: { -readonly [Name in keyof Resolved]?: Resolved[Name] } = {};
  const { compress, maxEntries, maxSize, maxStaleness, grace, hedge, warmUp } = tuning;
  for (const [name, allowed] of Object.entries(choices)) {
    const choice = tuning[name as keyof typeof choices];
    if (choice !== undefined)
      Object.assign(given, { [name]: oneOf<string | boolean>(`${where}: ${name}`, choice, allowed) });
  }
  if (compress !== undefined) given.compressFromBytes = parseByteSize(compress, `${where}: compress`);
  if (maxEntries !== undefined) given.maxEntries = wholeNumber(`${where}: maxEntries`, maxEntries, 1, entriesMax);
  if (maxSize !== undefined) given.maxBytes = parseByteSize(maxSize, `${where}: maxSize`);
  if (maxStaleness !== undefined) given.maxStalenessMs = stalenessLimit(`${where}: maxStaleness`, maxStaleness);
  if (grace !== undefined) given.graceMs = parseDuration(grace, `${where}: grace`);
  if (hedge !== undefined) given.hedgeAfterMs = hedgeAfter(`${where}: hedge`, hedge);
  if (warmUp !== undefined) given.warmUp = warmUpPlan(`${where}: warmUp`, warmUp);
  for (const name of ['readTimeout', 'writeTimeout', 'loadTimeout'] as const) {
    const text = tuning[name];
    if (text !== undefined) given[`${name}Ms`] = parseDuration(text, `${where}: ${name}`);
  }
  return given;
}

function hedgeAfter(field: string, hedge: NonNullable<CacheTuning['hedge']>): Resolved['hedgeAfterMs'] {
  if (typeof hedge === 'boolean') return hedge ? 'observed' : undefined;
  onlyFields(field, hedge, ['after']);
  return parseDuration(hedge.after, `${field}.after`);
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
