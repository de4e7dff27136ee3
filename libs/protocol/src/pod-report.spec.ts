import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bytes, mutated, podReport, text } from '../test/arbitraries.js';
import { runs } from '../test/runs.js';
import { type DecodedPodReport, decodePodReport, encodePodReport, type PodReport } from './pod-report.js';

const report: PodReport = {
  pod: '0f6a2f0f',
  service: 'orders',
  tables: { permissions: { topics: ['tidemark.cache.permissions', null], progress: [41, -1] } },
  leaving: false,
};

const asText = (change: Record<string, unknown>): string =>
  JSON.stringify({ ...(JSON.parse(encodePodReport(report)) as object), ...change });

const withTables = (tables: string): DecodedPodReport =>
  decodePodReport(`{"v":"1.0","pod":"p","service":"s","leaving":false,"tables":${tables}}`);

/** Its tables as entries: a reader gets them without a prototype. */
const plain = ({ tables, ...rest }: PodReport): unknown => ({ ...rest, tables: Object.entries(tables).sort() });

describe('a pod report', () => {
  it('comes back as it went, whatever its texts hold, as text and as bytes', () => {
    fc.assert(
      fc.property(podReport, (original) => {
        const encoded = encodePodReport(original);
        return [decodePodReport(encoded), decodePodReport(Buffer.from(encoded))].every(
          (result) => result.ok && isDeepStrictEqual(plain(result.report), plain(original)),
        );
      }),
      runs(),
    );
  });

  it('of a newer minor with fields added is read', () => {
    const result = decodePodReport(asText({ v: '1.4', zone: 'a' }));
    expect(result.ok && plain(result.report)).toEqual(plain(report));
  });

  it.each([['2.0'], ['0.1'], ['1'], [undefined], [1]])('of version %p is not read', (v) => {
    expect(decodePodReport(asText({ v }))).toMatchObject({ ok: false, reason: expect.stringContaining('version') });
  });

  it('that does not say whether the pod leaves is of one that stays', () => {
    for (const leaving of [undefined, null, 'true', 1])
      expect(decodePodReport(asText({ leaving }))).toMatchObject({ ok: true, report: { leaving: false } });
  });

  it.each<[string, Record<string, unknown>]>([
    ['no pod', { pod: undefined }],
    ['a pod that is no text', { pod: 7 }],
    ['no service', { service: null }],
    ['no tables', { tables: null }],
    ['a list of tables', { tables: [] }],
    ['a table without progress', { tables: { t: { topics: [] } } }],
    ['more topics than partitions', { tables: { t: { topics: ['a', 'b'], progress: [1] } } }],
    ['a topic that is no text', { tables: { t: { topics: [1], progress: [1] } } }],
    ['a fraction of an offset', { tables: { t: { topics: ['a'], progress: [1.5] } } }],
    ['an offset before none', { tables: { t: { topics: ['a'], progress: [-2] } } }],
    ['an offset that cannot be held exactly', { tables: { t: { topics: ['a'], progress: [2 ** 53] } } }],
  ])('with %s is refused whole', (_, change) => {
    expect(decodePodReport(asText(change))).toEqual({ ok: false, reason: expect.any(String) });
  });

  it.each(['', 'null', '[]', '"text"', '7', '{', '['.repeat(100_000)])('is not %.20s', (json) => {
    expect(decodePodReport(json).ok).toBe(false);
  });

  it('is not a record without a value', () => {
    expect(decodePodReport(null)).toEqual({ ok: false, reason: 'no value' });
  });
});

describe('tables named as properties of prototypes', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s is a table like any other', (table) => {
    const result = withTables(`{${JSON.stringify(table)}:{"topics":["a"],"progress":[3]}}`);
    if (!result.ok) throw new Error(result.reason);
    expect(result.report.tables[table]).toEqual({ topics: ['a'], progress: [3] });
    expect(Object.keys(result.report.tables)).toEqual([table]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it.each(['__proto__', 'constructor', 'toString'])('%s that no report names is not there', (table) => {
    const result = withTables('{}');
    expect(result.ok && result.report.tables[table]).toBeUndefined();
  });
});

describe('a report that cannot be read', () => {
  it('never throws on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, text), (value) => isSound(decodePodReport(value))),
      runs(),
    );
  });

  it('never throws on a mutated report, and believes nothing it cannot have written', () => {
    const encoded = podReport.map((original) => Buffer.from(encodePodReport(original)));
    fc.assert(
      fc.property(mutated(encoded), (value) => isSound(decodePodReport(value))),
      runs(),
    );
  });
});

function isSound(result: DecodedPodReport): boolean {
  if (!result.ok) return typeof result.reason === 'string' && result.reason.length < 300;
  const { pod, service, tables, leaving } = result.report;
  return (
    typeof pod === 'string' &&
    typeof service === 'string' &&
    typeof leaving === 'boolean' &&
    Object.getPrototypeOf(tables) === null &&
    Object.values(tables).every(
      ({ topics, progress }) =>
        topics.length === progress.length &&
        progress.every((offset) => Number.isSafeInteger(offset) && offset >= -1) &&
        topics.every((topic) => topic === null || typeof topic === 'string'),
    )
  );
}
