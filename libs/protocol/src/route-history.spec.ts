import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { expectGolden, readGolden, show, type ShownBytes, unshow } from '../test/golden.js';
import { runs } from '../test/runs.js';
import { decodeRouteHistory, encodeRouteHistory, type RouteHistoryEntry } from './route-history.js';
import { type Route } from './route.js';

const route = (version: number): Route => ({
  ...{ table: 'users', version, writerEpoch: 2, topics: { 'tidemark.cache.users': 1 }, deleted: false },
  ...{ changedAt: 1_700_000_000_000, changedBy: 'jane@example.com' },
});
const first: RouteHistoryEntry = { operation: 'put', before: null, after: route(1) };
const second: RouteHistoryEntry = { operation: 'roll-back', before: route(1), after: route(2) };
const raw = JSON.parse(encodeRouteHistory(second)) as Record<string, unknown>;

describe('the golden file', () => {
  it('is what is written, and is read', () => {
    const entries: Readonly<Record<string, RouteHistoryEntry>> = { first, second };
    expectGolden('route-history.json', {
      first: show(encodeRouteHistory(first)),
      second: show(encodeRouteHistory(second)),
    });
    const golden = JSON.parse(readGolden('route-history.json')) as Record<string, ShownBytes>;
    for (const [name, shown] of Object.entries(golden))
      expect({ name, ...decodeRouteHistory(unshow(shown)) }).toEqual({ name, ok: true, entry: entries[name] });
  });
});

describe('decodeRouteHistory', () => {
  it.each([first, second])('reads what was written', (entry) => {
    expect(decodeRouteHistory(Buffer.from(encodeRouteHistory(entry), 'utf8'))).toEqual({ ok: true, entry });
  });

  it('ignores what a newer minor version adds, and takes its operations', () => {
    const newer = JSON.stringify({ ...raw, v: '1.7', more: 1, operation: 'turn-around' });
    expect(decodeRouteHistory(newer)).toEqual({ ok: true, entry: { ...second, operation: 'turn-around' } });
  });

  it.each([
    ['{', 'expected a JSON object'],
    [null, 'expected a JSON object'],
    [JSON.stringify({ ...raw, v: '2.0' }), 'format version 2.0'],
    [JSON.stringify({ ...raw, operation: 'Put it' }), 'operation: '],
    [JSON.stringify({ ...raw, after: null }), 'after: '],
    [JSON.stringify({ ...raw, after: { v: '1.0' } }), 'after: '],
    [JSON.stringify({ ...raw, before: 7 }), 'before: '],
    [JSON.stringify({ ...raw, before: undefined }), 'before: '],
  ])('says what is wrong with %j', (bytes, reason) => {
    const result = decodeRouteHistory(bytes);
    expect(result.ok ? '' : result.reason).toContain(reason);
  });

  it('never throws', () => {
    const value = fc.oneof(fc.json(), fc.string(), fc.uint8Array(), fc.constant(null));
    fc.assert(
      fc.property(value, fc.json(), (bytes, part) => {
        decodeRouteHistory(bytes);
        decodeRouteHistory(JSON.stringify({ ...raw, after: JSON.parse(part) as unknown }));
      }),
      runs(),
    );
  });
});
