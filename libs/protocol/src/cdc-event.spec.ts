import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bytes, cdcEvent, controlRecord, mutated, text, wellFormed } from '../test/arbitraries.js';
import { runs } from '../test/runs.js';
import {
  type CdcEvent,
  type ControlRecord,
  decodeRecord,
  type DecodedRecord,
  decodeSrc,
  encodeControl,
  encodeEvent,
  encodeSrc,
  isForeign,
  type WireRecord,
} from './cdc-event.js';

const event: CdcEvent = {
  table: 'permissions',
  key: 'user:42',
  kind: 'modify',
  from: '018f3b5c7a0000010123456789abcdef',
  to: '018f3b5c7a1000000123456789abcdef',
  stampUs: 1_720_740_233_012_995,
  expiresAt: 1_720_743_833,
  codec: 'json',
  lane: 'cdc',
  region: 'eu-west-1',
  position: 'shardId-000000000000:49590338271490256608559692538361571095921575989136588898',
  value: Buffer.from('{"a":1}'),
};

/** As a Kafka client hands it over: bytes, of whichever class. */
function overTheWire(record: WireRecord, view: (bytes: Buffer) => Uint8Array = (each) => each): WireRecord {
  const asBytes = (part: Uint8Array | string | null): Uint8Array | null =>
    typeof part === 'string' ? view(Buffer.from(part, 'utf8')) : part;
  return { key: asBytes(record.key), value: record.value, header: asBytes(record.header) };
}

const withHeader = (header: string, key: string | null = 'user:42'): DecodedRecord =>
  decodeRecord({ key, value: null, header });

describe('an event', () => {
  it('is its key, its value bytes and one header', () => {
    expect(encodeEvent(event)).toEqual({
      key: 'user:42',
      value: event.value,
      header:
        '1.0;e;m;permissions;018f3b5c7a0000010123456789abcdef;018f3b5c7a1000000123456789abcdef;1720740233012995;' +
        '1720743833;json;c;eu-west-1;shardId-000000000000:49590338271490256608559692538361571095921575989136588898',
    });
  });

  it('hands on the very value bytes it was given', () => {
    const value = Buffer.from('v');
    const record = encodeEvent({ ...event, value });
    expect(record.value).toBe(value);
    const decoded = decodeRecord(record);
    expect(decoded.type === 'event' && decoded.event.value).toBe(value);
  });

  it('comes back from Kafka as it went, whatever its texts hold', () => {
    fc.assert(
      fc.property(cdcEvent, (original) => {
        const decoded = decodeRecord(overTheWire(encodeEvent(original)));
        return isDeepStrictEqual(decoded, { type: 'event', event: wellFormed(original) });
      }),
      runs(),
    );
  });

  it.each<[string, Partial<CdcEvent>]>([
    ['a text that looks like null', { from: '-', to: '%2D' }],
    ['an empty text, which is not null', { from: '', codec: '' }],
    ['a separator inside a text', { table: 'a;b;c', position: ';' }],
    ['a key that begins with a byte order mark', { key: '\ufeffuser:42' }],
  ])('keeps %s', (_, change) => {
    const original = { ...event, ...change };
    const record = encodeEvent(original);
    const expected = { type: 'event', event: original };
    expect(decodeRecord(overTheWire(record))).toEqual(expected);
    expect(decodeRecord(overTheWire(record, (buffer) => new Uint8Array(buffer)))).toEqual(expected);
  });

  it('that asks for reports says so behind everything else, where an older reader looks past it', () => {
    const asking = encodeEvent({ ...event, report: true });
    expect(asking.header).toBe(`${encodeEvent(event).header};r`);
    expect(decodeRecord(asking)).toEqual({ type: 'event', event: { ...event, report: true } });
    expect(decodeRecord({ ...asking, header: `${encodeEvent(event).header};x` })).toEqual({ type: 'event', event });
  });

  it.each<[string, Partial<CdcEvent>]>([
    ['a fraction of a µs', { stampUs: 1.5 }],
    ['a time before the epoch', { expiresAt: -1 }],
    ['a number that cannot be held exactly', { stampUs: 2 ** 53 }],
    ['no number at all', { stampUs: Number.NaN }],
  ])('that carries %s drops its key instead of being believed', (_, change) => {
    expect(decodeRecord(encodeEvent({ ...event, ...change }))).toEqual({
      type: 'unknown-event',
      table: 'permissions',
      key: 'user:42',
    });
  });
});

describe('a control record', () => {
  it.each<[ControlRecord, string | null, string]>([
    [{ control: 'watermark', table: 't', at: 5, streamId: 's', since: null }, null, '1.0;c;watermark;t;5;s;-'],
    [{ control: 'watermark', table: 't', at: 5, streamId: 's', since: 3 }, null, '1.0;c;watermark;t;5;s;3'],
    [{ control: 'invalidate', table: 't', key: 'user:1' }, 'user:1', '1.0;c;invalidate;t'],
    [{ control: 'invalidate', table: 't', key: 'user:1', report: true }, 'user:1', '1.0;c;invalidate;t;r'],
    [{ control: 'flush-table', table: 't', reason: 'gap; lost' }, null, '1.0;c;flush-table;t;gap%3B%20lost'],
    [{ control: 'probe', table: 't', id: 'p-1', at: 7 }, null, '1.0;c;probe;t;p-1;7'],
  ])('%j is one header', (record, key, header) => {
    expect(encodeControl(record)).toEqual({ key, value: null, header });
  });

  it('comes back from Kafka as it went, whatever its texts hold', () => {
    fc.assert(
      fc.property(controlRecord, (original) => {
        const decoded = decodeRecord(overTheWire(encodeControl(original)));
        return isDeepStrictEqual(decoded, { type: 'control', record: wellFormed(original) });
      }),
      runs(),
    );
  });

  it('rounds the time of a watermark down: a weaker claim, never a flush', () => {
    const decode = (at: number): DecodedRecord =>
      decodeRecord(encodeControl({ control: 'watermark', table: 't', at, streamId: 's', since: null }));
    expect(decode(1_700_000_000_000.9)).toMatchObject({ type: 'control', record: { at: 1_700_000_000_000 } });
    expect(decode(-3)).toMatchObject({ type: 'control', record: { at: 0 } });
  });
});

describe('versions', () => {
  const fields = 'permissions;a;b;1;-;json;c;eu-west-1;-';

  it.each([
    ['a newer minor with fields added', `1.7;e;m;${fields};new;newer`, 'event'],
    ['the oldest minor', `1.0;e;m;${fields}`, 'event'],
    ['a newer control record with fields added', '1.9;c;watermark;permissions;5;s;-;new', 'control'],
    ['an event kind of a newer minor', `1.1;e;x;${fields}`, 'unknown-event'],
    ['a control record of a newer minor', '1.1;c;pause;permissions;5', 'unknown-control'],
    ['a record class of a newer minor', '1.1;z;m;permissions', 'unknown-control'],
    ['the next major', `2.0;e;m;${fields}`, 'unsupported'],
    ['an older major', `0.9;c;flush-table;permissions;x`, 'unsupported'],
    ['no version', `;e;m;${fields}`, 'unsupported'],
    ['a version without a minor', `1;e;m;${fields}`, 'unsupported'],
    ['an empty header', '', 'unsupported'],
  ])('%s: %s → %s', (_, header, type) => {
    expect(withHeader(header).type).toBe(type);
  });

  it('says which key or table an unknown record concerns, and which version it cannot read', () => {
    expect(withHeader(`1.1;e;x;${fields}`)).toEqual({ type: 'unknown-event', table: 'permissions', key: 'user:42' });
    expect(withHeader('1.1;c;pause;permissions')).toEqual({ type: 'unknown-control', table: 'permissions' });
    expect(withHeader('2.0;e;m;permissions')).toEqual({ type: 'unsupported', version: '2.0' });
    expect(withHeader(`${'9'.repeat(500)};e`)).toEqual({ type: 'unsupported', version: '9'.repeat(32) });
  });
});

describe('a record that cannot be read', () => {
  it.each<[string, DecodedRecord, DecodedRecord]>([
    ['no header', decodeRecord({ key: 'k', value: null, header: null }), { type: 'malformed', reason: 'no header tm' }],
    ['no table', withHeader('1.0;e;m'), { type: 'malformed', reason: 'no table' }],
    ['a null table', withHeader('1.0;c;flush-table;-;x'), { type: 'malformed', reason: 'no table' }],
    [
      'an event without a key',
      withHeader('1.0;e;m;t;a;b;1;-;json;c;r;-', null),
      { type: 'malformed', reason: 'an event without a key' },
    ],
    ['an invalidation without a key', withHeader('1.0;c;invalidate;t', null), { type: 'unknown-control', table: 't' }],
    ['a watermark without a time', withHeader('1.0;c;watermark;t;-;s;-'), { type: 'unknown-control', table: 't' }],
    ['a watermark of no stream', withHeader('1.0;c;watermark;t;5;-;-'), { type: 'unknown-control', table: 't' }],
    ['a probe without an id', withHeader('1.0;c;probe;t;-;5'), { type: 'unknown-control', table: 't' }],
    [
      'an event cut short',
      withHeader('1.0;e;m;t;a;b;1;-;json;c'),
      { type: 'unknown-event', table: 't', key: 'user:42' },
    ],
    [
      'an event of an unknown lane',
      withHeader('1.0;e;m;t;a;b;1;-;json;q;r;-'),
      { type: 'unknown-event', table: 't', key: 'user:42' },
    ],
  ])('%s is told apart', (_, decoded, expected) => {
    expect(decoded).toEqual(expected);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('takes %s for no kind of event', (kind) => {
    expect(withHeader(`1.0;e;${kind};t;a;b;1;-;json;c;r;-`).type).toBe('unknown-event');
    expect(withHeader(`1.0;c;${kind};t;a;b;1`).type).toBe('unknown-control');
  });

  it('never throws on arbitrary bytes, and believes nothing it cannot have written', () => {
    const anything = fc.record({
      key: fc.option(fc.oneof(bytes, text), { nil: null }),
      value: fc.option(bytes, { nil: null }),
      header: fc.option(
        fc.oneof(
          bytes,
          text,
          text.map((rest) => `1.0;e;m;t;${rest}`),
        ),
        { nil: null },
      ),
    });
    fc.assert(
      fc.property(anything, (record) => isSound(decodeRecord(record))),
      runs(),
    );
  });

  it('never throws on a mutated record, and believes nothing it cannot have written', () => {
    const header = fc
      .oneof(cdcEvent.map(encodeEvent), controlRecord.map(encodeControl))
      .map((r) => Buffer.from(r.header));
    fc.assert(
      fc.property(mutated(header), (mutant) => isSound(decodeRecord({ key: 'k', value: null, header: mutant }))),
      runs(),
    );
  });
});

/** Whether it is an outcome that a reader knows, and an event only if an encoder could have meant it. */
function isSound(decoded: DecodedRecord): boolean {
  if (decoded.type !== 'event')
    return ['control', 'unknown-event', 'unknown-control', 'unsupported', 'malformed'].includes(decoded.type);
  const { kind, lane, stampUs, expiresAt, table, key, region } = decoded.event;
  return (
    ['insert', 'modify', 'remove'].includes(kind) &&
    ['cdc', 'fast'].includes(lane) &&
    [stampUs, expiresAt].every((n) => n === null || (Number.isSafeInteger(n) && n >= 0)) &&
    [table, key, region].every((part) => typeof part === 'string')
  );
}

describe('the place of a record in its table topic', () => {
  it('comes back as it went, as text and as bytes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (offset) =>
        [encodeSrc(offset), Buffer.from(encodeSrc(offset))].every((header) => decodeSrc(header) === offset),
      ),
      runs(),
    );
  });

  it.each([[undefined], [''], ['-1'], ['1.5'], ['1e3'], [' 1'], ['0x10'], ['9007199254740992'], ['1'.repeat(400)]])(
    '%p is none',
    (header) => expect(decodeSrc(header)).toBeUndefined(),
  );

  it('never throws on arbitrary bytes, and believes no offset that cannot be held exactly', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, text), (header) => {
        const src = decodeSrc(header);
        return src === undefined || (Number.isSafeInteger(src) && src >= 0);
      }),
      runs(),
    );
  });
});

describe('isForeign', () => {
  it.each([
    ['modify', 'a', 'b', false],
    ['insert', null, 'b', false],
    ['modify', null, 'b', false],
    ['modify', 'a', 'a', true],
    ['modify', 'a', null, true],
    ['insert', null, null, true],
    ['remove', 'a', null, false],
    ['remove', null, null, false],
  ] as const)('%s from %s to %s: %s', (kind, from, to, foreign) => {
    expect(isForeign({ kind, from, to })).toBe(foreign);
  });
});
