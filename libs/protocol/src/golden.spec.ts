import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { binaryImage, changeRecord, type ChangeRecordJson, textImage, writeIds } from '../test/change-records.js';
import { expectGolden, goldenFolder, readGolden, show, type ShownBytes, unshow } from '../test/golden.js';
import {
  type CdcEvent,
  type ControlRecord,
  decodeRecord,
  decodeSrc,
  encodeControl,
  encodeEvent,
  encodeSrc,
  headerName,
  srcHeaderName,
} from './cdc-event.js';
import { translateChangeRecord } from './change-record.js';
import { type BinaryEncoding, readImage, writeImage } from './item-attributes.js';
import { type ItemImage } from './item.js';
import { partitionOf } from './partition.js';
import { decodePodReport, encodePodReport, type PodReport } from './pod-report.js';
import { decodeRewindNote, encodeRewindNote, type RewindNote } from './rewind-note.js';
import { decodeRoute, encodeRoute, type Route } from './route.js';
import { topicNames } from './topic-names.js';
import { formatWriteId, parseWriteId, WriteClock } from './write-id.js';

const empty: ItemImage = {
  key: 'user:42',
  value: null,
  codec: null,
  writeId: null,
  expiresAt: null,
  writtenBy: null,
  tombstone: false,
  leaseId: null,
  leaseUntil: null,
  loaded: false,
};
const { first, second } = writeIds;
const binary = Buffer.from([0x00, 0xff, 0x10, 0x80]);

const items: Readonly<Record<string, ItemImage>> = {
  text: { ...empty, value: '{"a":1}', codec: 'json', writeId: first, expiresAt: 1_720_743_833, writtenBy: 'eu-west-1' },
  binary: { ...empty, value: binary, codec: 'v8', writeId: first, writtenBy: 'eu-west-1' },
  'empty text': { ...empty, value: '', codec: 'json', writeId: first, writtenBy: 'eu-west-1' },
  loaded: { ...empty, value: '{"a":1}', codec: 'json', writeId: first, writtenBy: 'eu-west-1', loaded: true },
  tombstone: { ...empty, writeId: first, expiresAt: 1_720_826_633, writtenBy: 'eu-west-1', tombstone: true },
  lease: { ...empty, expiresAt: 1_720_826_633, leaseId: 'b6f1c1de', leaseUntil: 1_720_740_243_012 },
  foreign: { ...empty, value: 'anything' },
};

const changes: Readonly<Record<string, ChangeRecordJson & { readonly binary?: BinaryEncoding }>> = {
  'insert, ms by default': { eventName: 'INSERT', newImage: textImage(first, '{"a":1}') },
  'modify, µs': {
    eventName: 'MODIFY',
    oldImage: textImage(first, '{"a":1}'),
    newImage: textImage(second, '{"a":2}'),
    at: 1_720_740_233_012_995,
    precision: 'MICROSECOND',
  },
  'modify, ms': {
    eventName: 'MODIFY',
    oldImage: textImage(first, '{"a":1}'),
    newImage: textImage(second, '{"a":2}'),
    precision: 'MILLISECOND',
  },
  remove: { eventName: 'REMOVE', oldImage: textImage(first, '{"a":1}') },
  'remove by expiry': {
    eventName: 'REMOVE',
    oldImage: textImage(first, '{"a":1}'),
    userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' },
  },
  'binary once': { eventName: 'INSERT', newImage: binaryImage(first, binary, 1), binary: 'base64' },
  'binary twice': { eventName: 'INSERT', newImage: binaryImage(first, binary, 2), binary: 'base64-twice' },
  'foreign: no write id': { eventName: 'INSERT', newImage: { key: { S: 'user:42' }, owner: { S: 'import' } } },
  'foreign: write id kept': {
    eventName: 'MODIFY',
    oldImage: textImage(first, '{"a":1}'),
    newImage: textImage(first, '{"a":9}'),
  },
  'foreign: write id taken away': {
    eventName: 'MODIFY',
    oldImage: textImage(first, '{"a":1}'),
    newImage: { key: { S: 'user:42' }, value: { S: '{"a":9}' } },
  },
  'tombstone over a value': {
    eventName: 'MODIFY',
    oldImage: textImage(first, '{"a":1}'),
    newImage: {
      key: { S: 'user:42' },
      writeId: { S: second },
      expiresAt: { N: '1720826633' },
      tombstone: { BOOL: true },
    },
  },
  'lease over nothing': {
    eventName: 'INSERT',
    newImage: { key: { S: 'user:42' }, leaseId: { S: 'b6f1c1de' }, leaseUntil: { N: '1720740243012' } },
  },
  'malformed: expiry is text': {
    eventName: 'INSERT',
    newImage: { key: { S: 'user:42' }, expiresAt: { S: 'tomorrow' } },
  },
};

const modify: CdcEvent = {
  table: 'permissions',
  key: 'user:42',
  kind: 'modify',
  from: first,
  to: second,
  stampUs: 1_720_740_233_012_995,
  expiresAt: 1_720_743_833,
  codec: 'json',
  lane: 'cdc',
  region: 'eu-west-1',
  position: 'shardId-000000000000:49590338271490256608559692538361571095921575989136588898',
  value: Buffer.from('{"a":2}'),
};

const events: Readonly<Record<string, CdcEvent>> = {
  modify,
  insert: { ...modify, kind: 'insert', from: null, expiresAt: null },
  remove: { ...modify, kind: 'remove', to: null, expiresAt: null, codec: null, value: null },
  'fast lane': { ...modify, lane: 'fast', stampUs: null, position: null },
  'fast lane without its value': { ...modify, lane: 'fast', stampUs: null, position: null, value: null },
  'fast lane, asking for reports': { ...modify, lane: 'fast', stampUs: null, position: null, report: true },
  'binary value': { ...modify, codec: 'v8', value: binary },
  'empty value': { ...modify, value: Buffer.alloc(0) },
  'foreign, awkward texts': { ...modify, key: 'user:ü;%-', from: '-', to: 'a;b%', codec: '', region: 'eu west 1' },
};

const controls: Readonly<Record<string, ControlRecord>> = {
  'watermark of a table topic': {
    control: 'watermark',
    table: 'permissions',
    at: 1_720_740_233_012,
    streamId: 'tidemark:1720000000',
    since: null,
  },
  'watermark of a cache topic': {
    control: 'watermark',
    table: 'permissions',
    at: 1_720_740_233_012,
    streamId: 'tidemark:1720000000',
    since: 3,
  },
  invalidate: { control: 'invalidate', table: 'permissions', key: 'user:42' },
  'invalidate, asking for reports': { control: 'invalidate', table: 'permissions', key: 'user:42', report: true },
  'flush-table': { control: 'flush-table', table: 'permissions', reason: 'destination was disabled; changes are lost' },
  probe: { control: 'probe', table: 'permissions', id: '0f6a2f0f', at: 1_720_740_233_012 },
};

const added: Route = {
  table: 'permissions',
  version: 2,
  writerEpoch: 1,
  topics: { 'tidemark.cache.permissions': 1, 'tidemark.cache.shared': 2 },
  deleted: false,
  changedAt: 1_720_740_233_012,
  changedBy: 'alice',
};
const routes: Readonly<Record<string, Route>> = {
  added,
  deleted: { ...added, version: 3, topics: {}, deleted: true },
  limited: {
    ...added,
    limited: {
      'tidemark.cache.orders': { since: 3, services: ['orders'] },
      'tidemark.cache.roles': { since: 4, services: ['admin'], buckets: ['roles'] },
    },
  },
  paused: { ...added, paused: true },
  moving: {
    ...added,
    move: { to: 'tidemark.cache.shared', from: ['tidemark.cache.permissions'], until: 1_720_740_293_012 },
  },
  rewound: { ...added, rewind: { id: 1_720_740_233_012, to: 1_720_736_633_012 } },
  replayed: {
    ...added,
    paused: true,
    rewind: { id: 1_720_740_233_012, to: 1_720_736_633_012, keys: { from: 'roles:a', to: 'roles:é' } },
  },
};

const following: PodReport = {
  pod: '0f6a2f0f',
  service: 'orders',
  tables: {
    permissions: { topics: ['tidemark.cache.permissions', 'tidemark.cache.shared', null], progress: [90_071, 0, -1] },
    roles: { topics: [null], progress: [-1] },
  },
  leaving: false,
};
const reports: Readonly<Record<string, PodReport>> = {
  following,
  'following nothing': { ...following, tables: {} },
  leaving: { ...following, tables: {}, leaving: true },
};

const notes: Readonly<Record<string, RewindNote>> = {
  rewound: { id: 1_720_740_233_012, until: 90_071n, lost: false },
  'at a start that is lost': { id: 1_720_740_233_012, until: 90_071n, lost: true },
};

const sources: Readonly<Record<string, number>> = { first: 0, later: 90_071, last: Number.MAX_SAFE_INTEGER };

function mapValues<T, R>(cases: Readonly<Record<string, T>>, fn: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(cases).map(([name, value]) => [name, fn(value)]));
}

const readCases = <T>(name: string): [string, T][] => Object.entries(JSON.parse(readGolden(name)) as Record<string, T>);
const shownRecord = (record: {
  key: Uint8Array | string | null;
  header: Uint8Array | string | null;
  value: Uint8Array | null;
}) => ({
  key: show(record.key),
  header: show(record.header),
  value: show(record.value),
});
interface ShownRecord {
  readonly key: ShownBytes | null;
  readonly header: ShownBytes | null;
  readonly value: ShownBytes | null;
}
const wire = ({ key, header, value }: ShownRecord) => ({
  key: unshow(key),
  header: unshow(header),
  value: unshow(value),
});

describe('golden bytes as they are written', () => {
  it('items', () => {
    const rendered = mapValues(items, (image) =>
      mapValues(writeImage(image), (attribute) =>
        'B' in attribute ? { B: Buffer.from(attribute.B).toString('base64') } : attribute,
      ),
    );
    expectGolden('items.json', rendered);
  });

  it('events', () => {
    expectGolden(
      'events.json',
      mapValues(events, (event) => ({
        record: shownRecord(encodeEvent(event)),
        partitionOf12: partitionOf(event.key, 12),
      })),
    );
  });

  it('control records', () => {
    expectGolden(
      'control-records.json',
      mapValues(controls, (record) => shownRecord(encodeControl(record))),
    );
  });

  it('routes', () => {
    expectGolden(
      'routes.json',
      mapValues(routes, (route) => show(encodeRoute(route))),
    );
  });

  it('notes of rewinds', () => {
    expectGolden('rewind-notes.json', mapValues(notes, encodeRewindNote));
  });

  it('pod reports', () => {
    expectGolden(
      'pod-reports.json',
      mapValues(reports, (report) => show(encodePodReport(report))),
    );
  });

  it('headers', () => {
    expectGolden('headers.json', {
      record: headerName,
      src: srcHeaderName,
      srcOf: mapValues(sources, (offset) => show(encodeSrc(offset))),
    });
  });

  it('names', () => {
    const names = topicNames();
    expectGolden('names.json', {
      tableTopic: names.cdc('permissions'),
      cacheTopic: names.cache('permissions'),
      routes: names.routes,
      routeHistory: names.routeHistory,
      pods: names.pods,
      deadLetters: names.deadLetters,
      podGroup: names.podGroup('orders', '0f6a2f0f'),
      dispatcherGroup: names.dispatcherGroup,
      adminGroup: names.adminGroup,
    });
  });

  it('write ids', () => {
    const clock = new WriteClock('0123456789abcdef', () => 1_700_000_000_000);
    const far = formatWriteId({ ms: 1_900_000_000_000, counter: 0xffff, incarnation: 'ffffffffffffffff' });
    expectGolden('write-ids.json', {
      first: clock.mint(),
      second: clock.mint(),
      farAhead: far,
      aboveFarAhead: clock.above(far),
      lowest: formatWriteId({ ms: 0, counter: 0, incarnation: '0'.repeat(16) }),
      highest: formatWriteId({ ms: 0xffff_ffff_ffff, counter: 0xffff, incarnation: 'f'.repeat(16) }),
    });
  });
});

describe('golden bytes as they are read', () => {
  it('items', () => {
    for (const [name, item] of readCases('items.json')) {
      const result = readImage(item, 'base64');
      expect({ name, result }).toEqual({ name, result: { ok: true, image: items[name] } });
    }
  });

  it('change records, with the events they become', () => {
    const rendered = mapValues(changes, ({ binary: encoding = 'base64-twice', ...change }) => {
      const record = JSON.stringify(changeRecord(change));
      const context = { binary: encoding, region: 'eu-west-1', position: 'shardId-000000000000:1' };
      const translation = translateChangeRecord(Buffer.from(record), context);
      const event = translation.ok ? { ...translation.event, value: show(translation.event.value) } : undefined;
      return { binary: encoding, record, ...(event === undefined ? { refused: translation } : { event }) };
    });
    expectGolden('change-records.json', rendered);
  });

  it('events', () => {
    for (const [name, shown] of readCases<{ record: ShownRecord }>('events.json'))
      expect({ name, ...decodeRecord(wire(shown.record)) }).toEqual({ name, type: 'event', event: events[name] });
  });

  it('control records', () => {
    for (const [name, shown] of readCases<ShownRecord>('control-records.json'))
      expect({ name, ...decodeRecord(wire(shown)) }).toEqual({ name, type: 'control', record: controls[name] });
  });

  it('routes', () => {
    for (const [name, shown] of readCases<ShownBytes>('routes.json'))
      expect({ name, ...decodeRoute(unshow(shown)) }).toEqual({ name, ok: true, route: routes[name] });
  });

  it('notes of rewinds', () => {
    for (const [name, shown] of readCases<string>('rewind-notes.json'))
      expect({ name, note: decodeRewindNote(shown) }).toEqual({ name, note: notes[name] });
  });

  it('pod reports', () => {
    for (const [name, shown] of readCases<ShownBytes>('pod-reports.json')) {
      const result = decodePodReport(unshow(shown));
      expect({ name, ...result }).toEqual({ name, ok: true, report: reports[name] });
    }
  });

  it('headers', () => {
    const { srcOf } = JSON.parse(readGolden('headers.json')) as { readonly srcOf: Record<string, ShownBytes> };
    for (const [name, shown] of Object.entries(srcOf))
      expect({ name, src: decodeSrc(unshow(shown) ?? undefined) }).toEqual({ name, src: sources[name] });
  });

  it('write ids', () => {
    for (const [name, id] of readCases<string>('write-ids.json')) {
      const parts = parseWriteId(id);
      expect({ name, again: parts && formatWriteId(parts) }).toEqual({ name, again: id });
    }
  });

  it('and no golden file stands unread', () => {
    expect(readdirSync(goldenFolder).sort()).toEqual([
      'change-records.json',
      'control-records.json',
      'events.json',
      'headers.json',
      'items.json',
      'names.json',
      'pod-reports.json',
      'rewind-notes.json',
      'route-history.json',
      'routes.json',
      'write-ids.json',
    ]);
  });
});
