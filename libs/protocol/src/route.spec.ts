import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bytes, mutated, route, text } from '../test/arbitraries.js';
import { runs } from '../test/runs.js';
import { decodeRoute, encodeRoute, followedTopic, isLive, type Route, targetsOf } from './route.js';

const permissions: Route = {
  table: 'permissions',
  version: 3,
  writerEpoch: 2,
  topics: { 'tidemark.cache.permissions': 1 },
  deleted: false,
  changedAt: 1_720_740_233_012,
  changedBy: 'alice',
};

/** With topics of an ordinary object; a dictionary made for a test may have no prototype. */
const plain = (original: Route): Route => ({
  ...original,
  topics: { ...original.topics },
  ...(original.limited === undefined ? {} : { limited: { ...original.limited } }),
});

const asText = (change: Record<string, unknown>): string =>
  JSON.stringify({ ...(JSON.parse(encodeRoute(permissions)) as object), ...change });

describe('a route', () => {
  it('comes back as it went, whatever its texts hold, as text and as bytes', () => {
    fc.assert(
      fc.property(route, (original) => {
        const encoded = encodeRoute(original);
        const fromText = decodeRoute(encoded);
        const fromBytes = decodeRoute(Buffer.from(encoded));
        return [fromText, fromBytes].every((result) => result.ok && isDeepStrictEqual(result.route, plain(original)));
      }),
      runs(),
    );
  });

  it('has the same bytes whatever the order of its topics', () => {
    const a = encodeRoute({ ...permissions, topics: { b: 2, a: 1 } });
    expect(a).toBe(encodeRoute({ ...permissions, topics: { a: 1, b: 2 } }));
  });

  it('of a newer minor with fields added is read', () => {
    expect(decodeRoute(asText({ v: '1.4', weight: 5 }))).toEqual({ ok: true, route: permissions });
  });

  it.each([['2.0'], ['0.1'], ['1'], [undefined], [1]])('of version %p is unsupported, which is not malformed', (v) => {
    expect(decodeRoute(asText({ v }))).toMatchObject({ ok: false, unsupported: true });
  });

  it.each<[Record<string, unknown>, string]>([
    [{ table: '' }, 'table: expected a string'],
    [{ table: 7 }, 'table: expected a string'],
    [{ version: '3' }, 'version: expected a whole number'],
    [{ version: -1 }, 'version: expected a whole number'],
    [{ writerEpoch: 1.5 }, 'writerEpoch: expected a whole number'],
    [{ writerEpoch: 1_000_000_000_001 }, 'writerEpoch: expected at most 1000000000000'],
    [{ version: Number.MAX_SAFE_INTEGER }, 'version: expected at most 1000000000000'],
    [{ changedAt: null }, 'changedAt: expected a whole number'],
    [{ deleted: 'false' }, 'deleted: expected a boolean'],
    [{ changedBy: null }, 'changedBy: expected a string'],
    [{ topics: ['a'] }, 'topics: expected an object of whole numbers'],
    [{ topics: null }, 'topics: expected an object of whole numbers'],
    [{ topics: { a: '1' } }, 'topics: expected an object of whole numbers'],
    [{ topics: { a: -1 } }, 'topics: expected an object of whole numbers'],
    [{ limited: [] }, 'limited: expected an object of limits with their since'],
    [{ limited: { a: {} } }, 'limited: expected an object of limits with their since'],
    [{ limited: { a: { since: 1, services: 'x' } } }, 'limited: expected an object of limits with their since'],
    [{ limited: { a: { since: 1, buckets: [1] } } }, 'limited: expected an object of limits with their since'],
    [{ paused: false }, 'paused: expected true, or nothing'],
    [{ move: 'b' }, 'move: expected to, from and until'],
    [{ move: { to: 'b', from: ['a'] } }, 'move: expected to, from and until'],
    [{ rewind: 5 }, 'rewind: expected id and to, and keys or none'],
    [{ rewind: { id: 5 } }, 'rewind: expected id and to, and keys or none'],
    [{ rewind: { id: 5, to: -1 } }, 'rewind: expected id and to, and keys or none'],
    [{ rewind: { id: 5, to: 1, keys: { from: 'a' } } }, 'rewind: expected id and to, and keys or none'],
  ])('with %j is malformed', (change, reason) => {
    expect(decodeRoute(asText(change))).toEqual({ ok: false, reason, unsupported: false });
  });

  it.each([[null], [''], ['null'], ['[]'], ['7'], ['{']])('%j is no route', (record) => {
    expect(decodeRoute(record)).toEqual({ ok: false, reason: 'expected a JSON object', unsupported: false });
  });

  it('never throws on arbitrary bytes, arbitrary JSON or a mutated route', () => {
    const hostile = fc.record(
      Object.fromEntries(Object.keys(permissions).map((name) => [name, fc.jsonValue({ maxDepth: 1 })])),
      { requiredKeys: [] },
    );
    const record = fc.oneof(
      bytes,
      text,
      fc.json({ maxDepth: 2 }),
      hostile.map((raw) => JSON.stringify({ v: '1.0', ...raw })),
      mutated(route.map((original) => Buffer.from(encodeRoute(original)))),
    );
    fc.assert(
      fc.property(record, (raw) => {
        const result = decodeRoute(raw);
        return result.ok
          ? isDeepStrictEqual(decodeRoute(encodeRoute(result.route)), result)
          : typeof result.reason === 'string';
      }),
      runs(),
    );
  });

  it('whose topic is named __proto__ changes no prototype', () => {
    const raw = asText({}).replace('"topics":{', '"__proto__":{"isAdmin":true},"topics":{"__proto__":9,');
    const result = decodeRoute(raw);
    expect(result.ok && Object.getPrototypeOf(result.route)).toBe(Object.prototype);
    expect(result.ok && Object.entries(result.route.topics)).toContainEqual(['__proto__', 9]);
    expect(result.ok && followedTopic(result.route)).toBe('__proto__');
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });
});

describe('the format', () => {
  it('is 1.0 unless something of 1.1 is needed, and then what 1.0 knows stands where it stood', () => {
    const { v: plainVersion, ...known } = JSON.parse(encodeRoute(permissions)) as Record<string, unknown>;
    const limited = { b: { since: 3, services: ['orders'] } };
    const added: Partial<Route>[] = [{ limited }, { paused: true }, { move: { to: 'b', from: ['a'], until: 9 } }];
    expect(plainVersion).toBe('1.0');
    for (const fields of added)
      expect(JSON.parse(encodeRoute({ ...permissions, ...fields }))).toEqual({ v: '1.1', ...known, ...fields });
  });

  it('is 1.2 where there is a rewind, and what a reader of 1.1 knows stands where it stood', () => {
    const moving: Route = { ...permissions, paused: true, move: { to: 'b', from: ['a'], until: 9 } };
    const { v: _, ...known } = JSON.parse(encodeRoute(moving)) as Record<string, unknown>;
    for (const rewind of [
      { id: 8, to: 7 },
      { id: 8, to: 7, keys: { from: 'users:a', to: 'users:b' } },
    ])
      expect(JSON.parse(encodeRoute({ ...moving, rewind }))).toEqual({ v: '1.2', ...known, rewind });
  });
});

describe('targetsOf', () => {
  it('names every topic once, sorted, with its limits; for everybody where it says both', () => {
    const limited = { c: { since: 2, buckets: ['x'] }, a: { since: 1, services: ['s'] }, b: { since: 9 } };
    expect(targetsOf({ ...permissions, topics: { d: 1, b: 3 }, limited })).toEqual([
      { topic: 'a', since: 1, services: ['s'] },
      { topic: 'b', since: 3 },
      { topic: 'c', since: 2, buckets: ['x'] },
      { topic: 'd', since: 1 },
    ]);
    expect(targetsOf(undefined)).toEqual([]);
  });

  it.each<[Partial<Route>, boolean]>([
    [{}, true],
    [{ topics: {} }, false],
    [{ topics: {}, limited: { a: { since: 1 } } }, true],
    [{ deleted: true }, false],
  ])('makes a route with %j live: %p', (fields, live) => {
    expect(isLive({ ...permissions, ...fields })).toBe(live);
  });
});

describe('followedTopic', () => {
  it.each<[string, Record<string, number>, string | undefined]>([
    ['no topic', {}, undefined],
    ['the only one', { a: 1 }, 'a'],
    ['the one added last', { a: 1, b: 3, c: 2 }, 'b'],
    ['the first by name of two added at once', { b: 3, a: 3, c: 1 }, 'a'],
    ['a topic of version zero', { a: 0 }, 'a'],
  ])('%s', (_, topics, followed) => {
    expect(followedTopic({ ...permissions, topics })).toBe(followed);
  });

  const limited = {
    b: { since: 2, services: ['orders'] },
    c: { since: 3, buckets: ['things'] },
    d: { since: 4, services: ['orders'], buckets: ['things', 'others'] },
  };
  it.each<[string, string[], string | undefined]>([
    ['orders', ['things'], 'd'],
    ['orders', ['others'], 'd'],
    ['orders', ['things', 'unknown'], 'b'],
    ['users', ['things'], 'c'],
    ['users', ['others'], 'a'],
    ['users', ['things', 'others'], 'a'],
    ['users', [], 'c'],
  ])('of a pod of %s with the buckets %j is %s: the newest that carries all of it', (service, buckets, followed) => {
    const route = { ...permissions, topics: { a: 1 }, limited };
    expect(followedTopic(route, { service, buckets })).toBe(followed);
  });

  it('is none where no topic carries the pod, and that of everybody where nobody asks', () => {
    expect(
      followedTopic({ ...permissions, topics: {}, limited }, { service: 'users', buckets: ['x'] }),
    ).toBeUndefined();
    expect(followedTopic({ ...permissions, topics: { a: 1 }, limited })).toBe('a');
  });

  it('of no route is none', () => {
    expect(followedTopic(undefined)).toBeUndefined();
  });
});
