import { describe, expect, it } from '@jest/globals';
import { decodeRecord, type WireRecord } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';

import {
  type Chunk,
  chunksOf,
  highestOf,
  outgoing,
  planTable,
  type TopicCount,
  watermarkRecord,
} from './dispatch-plan.js';
import { control, event, route, watermark } from './testing/dispatch-bench.js';

const four = { partitions: 4 };

describe('planTable', () => {
  const counts = (all: Record<string, TopicCount>) => (topic: string) => all[topic];

  it('dispatches to every topic of the route, sorted', () => {
    const plan = planTable(route(3, { b: 3, a: 1 }), 'cdc', counts({ cdc: four, a: four, b: four }));
    expect(plan).toEqual({
      type: 'dispatch',
      targets: [
        { topic: 'a', since: 1 },
        { topic: 'b', since: 3 },
      ],
    });
  });

  it.each([
    ['no route', undefined],
    ['a deleted route', route(2, {})],
    ['a deleted route that still names topics', route(2, { a: 1 }, { deleted: true })],
    ['a route without topics', route(2, {}, { deleted: false })],
  ])('takes %s as unrouted', (_, given) => {
    expect(planTable(given, 'cdc', counts({ cdc: four, a: four }))).toEqual({ type: 'unrouted' });
  });

  it.each<[string, Record<string, TopicCount>, string]>([
    ['a target with other partitions', { cdc: four, a: { partitions: 8 } }, 'a: 8 partitions, but cdc has 4'],
    ['a missing target', { cdc: four, a: { problem: 'gone', missing: true } }, 'a: gone'],
    ['a missing table topic', { cdc: { problem: 'gone', missing: true }, a: four }, 'cdc: gone'],
    ['a target that nobody knows', { cdc: four }, 'a: its partition count is not known yet'],
  ])('blocks on %s', (_, known, reason) => {
    expect(planTable(route(1, { a: 1 }), 'cdc', counts(known))).toEqual({ type: 'blocked', reason });
  });
});

describe('chunksOf', () => {
  it('cuts a batch into chunks of the limit, in order', () => {
    const records = ['u:1', 'u:2', 'u:3', 'u:4', 'u:5'].map((key) => event(key));
    const chunks = [...chunksOf('users', { records }, 2)];
    expect(chunks.map((chunk) => chunk.records.length)).toEqual([2, 2, 1]);
    expect(chunks.flatMap((chunk) => chunk.records)).toEqual(records);
  });

  it('finds the watermarks among the records, and the highest of them', () => {
    const records = [event('u:1'), watermark(20), watermark(10), control(flush)];
    const [chunk] = [...chunksOf('users', { records }, 10)];
    expect([...(chunk?.watermarks ?? [])]).toEqual([
      [1, { at: 20, streamId: 'stream-1' }],
      [2, { at: 10, streamId: 'stream-1' }],
    ]);
    expect(chunk && highestOf(chunk, 20)).toEqual({ at: 20, streamId: 'stream-1' });
  });

  it('hazard 68: keeps no watermark of a time that has not come: a clock was ahead', () => {
    const [chunk] = [...chunksOf('users', { records: [watermark(10), watermark(9_000), watermark(20)] }, 10)];
    expect(chunk && [highestOf(chunk, 4_000)?.at, highestOf(chunk, 3_999)?.at]).toEqual([9_000, 20]);
  });

  it('finds watermarks in bytes as they come from Kafka', () => {
    const [chunk] = [...chunksOf('users', { records: [asBytes(watermark(20)), asBytes(event('u:1'))] }, 10)];
    expect([...(chunk?.watermarks.keys() ?? [])]).toEqual([0]);
  });

  it("leaves another table's watermark alone", () => {
    const [chunk] = [...chunksOf('users', { records: [watermark(20, 'orders')] }, 10)];
    expect(chunk?.watermarks.size).toBe(0);
  });

  it('puts a flush in front of a batch that follows a gap, once', () => {
    const records = [event('u:1'), event('u:2')];
    const chunks = [...chunksOf('users', { records, afterGap: true }, 2)];
    const all = chunks.flatMap((chunk) => chunk.records);
    expect(all).toHaveLength(3);
    expect(all[0]?.header).toMatch(/^1\.0;c;flush-table;users;/);
  });

  it('hazard 52: puts a flush in front of a batch of a partition that the group has no offset of', () => {
    const records = [event('u:1')];
    const chunks = [...chunksOf('users', { records, uncharted: true }, 2)];
    expect(chunks[0]?.records.map(({ header }) => String(header).split(';')[2])).toEqual(['flush-table', 'm']);
    const both = [...chunksOf('users', { records, afterGap: true, uncharted: true }, 2)];
    expect(both[0]?.records).toHaveLength(2);
  });

  it('has nothing for an empty batch', () => {
    expect([...chunksOf('users', { records: [] }, 10)]).toEqual([]);
  });
});

describe('outgoing', () => {
  it('hands on the very same bytes, and each watermark with the since of the target', () => {
    const foreign: WireRecord = { key: null, value: null, header: null };
    const newer: WireRecord = { key: 'k', value: Buffer.from('v'), header: '1.9;x;what;users;1' };
    const records = [event('u:1'), watermark(20), foreign, newer, control(flush)];
    const [chunk] = [...chunksOf('users', { records }, 10)];
    const sent = chunk === undefined ? [] : outgoing('users', 3, chunk, 7);
    expect(sent.map(({ partition }) => partition)).toEqual([3, 3, 3, 3, 3]);
    for (const index of [0, 2, 3, 4]) expect(sent[index]?.record).toBe(records[index]);
    expect(sent[1]?.record).toEqual(watermarkRecord('users', { at: 20, streamId: 'stream-1' }, 7));
    expect(sent[1]?.record.header).toBe('1.0;c;watermark;users;20;stream-1;7');
  });
});

describe('the place of a record in the table topic', () => {
  const sources = (chunk: Chunk): (number | undefined)[] =>
    outgoing('users', 0, chunk, 7).map(({ record }) => record.src);

  it('travels with every record that is carried on, a watermark that is written anew included', () => {
    const invalidate = control({ control: 'invalidate', table: 'users', key: 'u:1' });
    const records = [event('u:1'), watermark(20), invalidate, control(flush)].map((record, i) => ({
      ...record,
      src: 40 + i,
    }));
    expect([...chunksOf('users', { records }, 2)].flatMap(sources)).toEqual([40, 41, 42, 43]);
  });

  it('is that of no record which the dispatcher says of its own accord', () => {
    const records = [{ ...event('u:1'), src: 9 }];
    expect([...chunksOf('users', { records, afterGap: true }, 10)].flatMap(sources)).toEqual([undefined, 9]);
    expect(watermarkRecord('users', { at: 20, streamId: 'stream-1' }, 7)).not.toHaveProperty('src');
  });
});

const flush = { control: 'flush-table', table: 'users', reason: 'test' } as const;

function asBytes(record: WireRecord): WireRecord {
  return { ...record, header: Buffer.from(record.header ?? '') };
}

it('hazard 47: whatever a batch holds, all of it goes out in order, byte by byte, each own watermark alone with the since of its target', () => {
  const record: fc.Arbitrary<WireRecord> = fc.oneof(
    fc.nat(50).map((n) => ({ ...event(`u:${n}`), src: n })),
    fc.nat(50).map((n) => watermark(n)),
    fc.nat(50).map((n) => asBytes(watermark(n))),
    fc.nat(50).map((n) => watermark(n, 'orders')),
    fc.constantFrom(control(flush), { key: null, value: null, header: null }),
    fc.uint8Array({ maxLength: 12 }).map((header) => ({ key: null, value: null, header })),
  );
  const isOwnWatermark = (each: WireRecord): boolean => {
    const decoded = decodeRecord(each);
    return decoded.type === 'control' && decoded.record.control === 'watermark' && decoded.record.table === 'users';
  };
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 20 }),
      fc.integer({ min: 1, max: 6 }),
      fc.boolean(),
      (records, max, afterGap) => {
        const chunks = [...chunksOf('users', { records, afterGap }, max)];
        const sent = chunks.flatMap((chunk) => outgoing('users', 3, chunk, 7)).map((each) => each.record);
        const [first] = afterGap ? sent.splice(0, 1) : [control(flush)];
        const isCarried = (each: WireRecord, index: number): boolean => {
          const given = records[index];
          if (given === undefined || !isOwnWatermark(given)) return each === given;
          const decoded = decodeRecord(each);
          return (
            isOwnWatermark(each) && decoded.type === 'control' && (decoded.record as { since?: number }).since === 7
          );
        };
        return (
          chunks.every((chunk) => chunk.records.length >= 1 && chunk.records.length <= max) &&
          String(first?.header).includes(';c;flush-table;users;') &&
          sent.length === records.length &&
          sent.every(isCarried)
        );
      },
    ),
    runs(10),
  );
});
