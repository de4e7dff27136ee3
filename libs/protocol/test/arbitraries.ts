import fc from 'fast-check';
import { type CdcEvent, type ControlRecord, type ItemImage, type PodReport, type Route } from '../src/index.js';

/** The texts that formats stumble over: separators, escapes, nulls in disguise, half characters, names of prototypes, long ones. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: 'binary', maxLength: 16 }) },
  {
    weight: 3,
    arbitrary: fc.string({ unit: fc.constantFrom(';', '%', '-', '2', 'D', 'é', '\ud83d', ','), maxLength: 12 }),
  },
  { weight: 3, arbitrary: fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), maxLength: 12 }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '',
      '-',
      '%',
      '%2D',
      '%ZZ',
      '%E0%A4',
      ';',
      ';;',
      '\ud800',
      '\udc00a',
      '\ufeffa',
      '\0',
      ' ',
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty') },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 1_000 }).map((n) => ';%é-'.repeat(n)) },
);

export const bytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 64 });

const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null, freq: 4 });

/** Asked for, or left out. */
const asked = fc.constantFrom({}, {}, { report: true as const });

export const cdcEvent: fc.Arbitrary<CdcEvent> = fc
  .tuple(
    fc.record({
      table: text,
      key: text,
      kind: fc.constantFrom('insert', 'modify', 'remove'),
      from: orNull(text),
      to: orNull(text),
      stampUs: orNull(fc.maxSafeNat()),
      expiresAt: orNull(fc.maxSafeNat()),
      codec: orNull(text),
      lane: fc.constantFrom('cdc', 'fast'),
      region: text,
      position: orNull(text),
      value: orNull(bytes),
    }),
    asked,
  )
  .map(([event, report]): CdcEvent => ({ ...event, ...report }));

export const controlRecord: fc.Arbitrary<ControlRecord> = fc.oneof(
  fc.record({
    control: fc.constant('watermark' as const),
    table: text,
    at: fc.maxSafeNat(),
    streamId: text,
    since: orNull(fc.maxSafeNat()),
  }),
  fc
    .tuple(fc.record({ control: fc.constant('invalidate' as const), table: text, key: text }), asked)
    .map(([record, report]): ControlRecord => ({ ...record, ...report })),
  fc.record({ control: fc.constant('flush-table' as const), table: text, reason: text }),
  fc.record({ control: fc.constant('probe' as const), table: text, id: text, at: fc.maxSafeNat() }),
);

const texts = fc.array(text, { maxLength: 3 });
const topicLimit = fc.record(
  { since: fc.maxSafeNat(), services: texts, buckets: texts },
  { requiredKeys: ['since'], noNullPrototype: true },
);
const routeMove = fc.record({ to: text, from: texts, until: fc.maxSafeNat() }, { noNullPrototype: true });

const keyRange = fc.record({ from: text, to: text }, { noNullPrototype: true });
const routeRewind = fc.record(
  { id: fc.maxSafeNat(), to: fc.maxSafeNat(), keys: keyRange },
  { requiredKeys: ['id', 'to'], noNullPrototype: true },
);

export const route: fc.Arbitrary<Route> = fc.record(
  {
    table: text.filter((table) => table !== ''),
    version: fc.integer({ min: 0, max: 1_000_000_000_000 }),
    writerEpoch: fc.integer({ min: 0, max: 1_000_000_000_000 }),
    topics: fc.dictionary(text, fc.maxSafeNat(), { maxKeys: 5 }),
    deleted: fc.boolean(),
    changedAt: fc.maxSafeNat(),
    changedBy: text,
    limited: fc.dictionary(text, topicLimit, { maxKeys: 3 }),
    paused: fc.constant(true as const),
    move: routeMove,
    rewind: routeRewind,
  },
  {
    requiredKeys: ['table', 'version', 'writerEpoch', 'topics', 'deleted', 'changedAt', 'changedBy'],
    noNullPrototype: true,
  },
);

const partitionProgress = fc.tuple(orNull(text), fc.oneof(fc.constant(-1), fc.maxSafeNat()));

export const podReport: fc.Arbitrary<PodReport> = fc.record({
  pod: text,
  service: text,
  tables: fc.dictionary(
    text,
    fc.array(partitionProgress, { maxLength: 5 }).map((partitions) => ({
      topics: partitions.map(([topic]) => topic),
      progress: partitions.map(([, offset]) => offset),
    })),
    { maxKeys: 5 },
  ),
  leaving: fc.boolean(),
});

const fifteenDigits = fc.nat(999_999_999_999_999);

export const itemImage: fc.Arbitrary<ItemImage> = fc.record({
  key: text,
  value: orNull(fc.oneof(text, bytes)),
  codec: orNull(text),
  writeId: orNull(text),
  expiresAt: orNull(fifteenDigits),
  writtenBy: orNull(text),
  tombstone: fc.boolean(),
  leaseId: orNull(text),
  leaseUntil: orNull(fifteenDigits),
  loaded: fc.boolean(),
});

/** What remains of a value once its texts have been through UTF-8: half characters become U+FFFD. */
export function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return value.toWellFormed() as T;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, wellFormed<unknown>(field)])) as T;
}

/** `original` with some bytes changed, lost, doubled or put in. */
export function mutated(original: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    remove: fc.nat(4),
    insert: fc.uint8Array({ maxLength: 4 }),
  });
  return fc.tuple(original, fc.array(edit, { minLength: 1, maxLength: 4 })).map(([start, edits]) => {
    let result = Buffer.from(start);
    for (const { at, remove, insert } of edits) {
      const index = Math.floor(at * result.length);
      result = Buffer.concat([result.subarray(0, index), insert, result.subarray(index + remove)]);
    }
    return result;
  });
}
