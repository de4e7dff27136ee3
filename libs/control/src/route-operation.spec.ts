import { describe, expect, it } from '@jest/globals';
import { decodeRoute, encodeRoute, followedTopic, type Route, topicNames } from '@tidemark/protocol';

import { moveMs, namedTopics, operated, operationProblem, type RouteOperation } from './route-operation.js';

const stamp = { writerEpoch: 3, changedAt: 1_000, changedBy: 'ops' };
const standing: Route = { table: 'users', version: 4, topics: { a: 2 }, deleted: false, ...stamp };

function after(from: Route | undefined, ...operations: readonly RouteOperation[]): Route {
  let route = from;
  for (const operation of operations) route = operated(route, 'users', operation, stamp);
  if (route === undefined) throw new Error('no operation');
  return route;
}

const toB = { type: 'move', to: 'b' } as const;
const finish = { type: 'finish' } as const;
const rollBack = { type: 'roll-back' } as const;

describe('a move', () => {
  it('adds its topic with a fresh since, so that pods head for it, and says until when', () => {
    const moving = after(standing, toB);
    const move = { to: 'b', from: ['a'], until: 1_000 + moveMs };
    expect(moving).toEqual({ ...standing, version: 5, topics: { a: 2, b: 5 }, move });
    expect(followedTopic(moving)).toBe('b');
  });

  it('ends on its topic alone, with the since that it came with', () => {
    expect(after(standing, toB, finish)).toEqual({ ...standing, version: 6, topics: { b: 5 } });
  });

  it('that is rolled back ends where it began, with the since of before', () => {
    expect(after(standing, toB, rollBack)).toEqual({ ...standing, version: 6, topics: { a: 2 } });
  });

  it('that begins again after its roll-back has a fresh since', () => {
    expect(after(standing, toB, rollBack, toB).topics).toEqual({ a: 2, b: 7 });
  });

  it('to one of several topics is followed, too, and can be rolled back to all of them', () => {
    const both = { ...standing, topics: { a: 2, b: 3 } };
    const toA = { type: 'move', to: 'a' } as const;
    expect(followedTopic(after(both, toA))).toBe('a');
    expect([after(both, toA, finish).topics, after(both, toA, rollBack).topics]).toEqual([{ a: 5 }, { a: 5, b: 3 }]);
  });

  it('leaves limited topics as they are', () => {
    const limited = { c: { since: 1, services: ['s'] } };
    expect(after({ ...standing, limited }, toB, finish)).toMatchObject({ topics: { b: 5 }, limited });
  });

  it('changes nothing when it is asked for twice, or goes where the table is', () => {
    const moving = after(standing, toB);
    expect(after(moving, toB)).toBe(moving);
    expect(after(standing, { type: 'move', to: 'a' })).toBe(standing);
  });

  it('is ended by a put', () => {
    expect(after(standing, toB, { type: 'put', topics: ['a', 'b'] })).toMatchObject({
      version: 6,
      topics: { a: 2, b: 5 },
    });
    expect(after(standing, toB, { type: 'put', topics: ['a', 'b'] }).move).toBeUndefined();
  });

  it.each<[string, Route, RouteOperation, string]>([
    ['a second one elsewhere', after(standing, toB), { type: 'move', to: 'c' }, 'move-to'],
    ['one to a limited topic', { ...standing, limited: { b: { since: 1 } } }, toB, 'move-to'],
    ['the end of none', standing, finish, 'move-none'],
    ['the roll-back of none', standing, rollBack, 'move-none'],
  ])('refuses %s', (_what, route, operation, rule) => {
    expect(() => operated(route, 'users', operation, stamp)).toThrow(
      expect.objectContaining({ code: 'ROUTE_INVALID', context: expect.objectContaining({ rule }) as unknown }),
    );
  });
});

describe('a pause', () => {
  it('keeps every since, and its end does', () => {
    const paused = after(standing, { type: 'pause' });
    expect(paused).toEqual({ ...standing, version: 5, paused: true });
    expect(after(paused, { type: 'resume' })).toEqual({ ...standing, version: 6 });
  });

  it('changes nothing when it is so already', () => {
    const paused = after(standing, { type: 'pause' });
    expect(after(paused, { type: 'pause' })).toBe(paused);
    expect(after(standing, { type: 'resume' })).toBe(standing);
  });

  it('gives a move its whole time again', () => {
    const paused = after(standing, toB, { type: 'pause' });
    const later = operated(paused, 'users', { type: 'resume' }, { ...stamp, changedAt: 9_000 });
    expect(later.move).toEqual({ to: 'b', from: ['a'], until: 9_000 + moveMs });
  });
});

it.each<RouteOperation>([toB, finish, rollBack, { type: 'pause' }, { type: 'resume' }, { type: 'delete' }])(
  '$type needs a route',
  (operation) => {
    const notFound = expect.objectContaining({ code: 'ROUTE_NOT_FOUND' }) as unknown as Error;
    expect(() => operated(undefined, 'users', operation, stamp)).toThrow(notFound);
    expect(() => operated({ ...standing, topics: {}, deleted: true }, 'users', operation, stamp)).toThrow(notFound);
  },
);

it('asks for the topics that an operation names, and no others', () => {
  const put = { type: 'put', topics: ['a'], limited: { b: {} } } as const;
  expect([put, toB, finish, { type: 'pause' } as const].map(namedTopics)).toEqual([['a', 'b'], ['b'], [], []]);
});

describe('a rewind', () => {
  const back = { type: 'rewind', to: 400 } as const;

  it('is a demand with a name of its own, and leaves everything else as it is', () => {
    const moving = after(standing, toB, { type: 'pause' });
    expect(after(moving, back)).toEqual({ ...moving, version: 7, rewind: { id: 1_000, to: 400 } });
    const keys = { from: 'users:a', to: 'users:b' };
    expect(after(standing, { ...back, keys }).rewind).toEqual({ id: 1_000, to: 400, keys });
  });

  it('that is asked for again takes the place of the one before, under a higher id', () => {
    expect(after(standing, back, back)).toMatchObject({ version: 6, rewind: { id: 1_001, to: 400 } });
    expect(after({ ...standing, rewind: { id: 9_000, to: 1 } }, back).rewind?.id).toBe(9_001);
  });

  it('stays in the route, whatever comes of it', () => {
    const kept = after(standing, back, toB, finish, { type: 'put', topics: ['c'] }, { type: 'pause' });
    expect(kept).toMatchObject({ topics: { c: 8 }, paused: true, rewind: { id: 1_000, to: 400 } });
  });

  it('outlasts the route, so that the next one has a higher id though the clock has gone back', () => {
    const ended = after({ ...standing, rewind: { id: 9_000, to: 1 } }, { type: 'pause' }, { type: 'delete' });
    expect([ended.deleted, ended.paused, ended.rewind]).toEqual([true, undefined, { id: 9_000, to: 1 }]);
    expect(decodeRoute(encodeRoute(ended))).toEqual({ ok: true, route: ended });
    const anew = after(ended, { type: 'put', topics: ['c'] });
    expect(anew).toMatchObject({ topics: { c: anew.version }, rewind: { id: 9_000 } });
    expect(after(anew, back).rewind).toEqual({ id: 9_001, to: 400 });
  });

  it.each<[unknown, object]>([
    [1_001, { field: 'to', rule: 'rewind-to' }],
    [Number.MAX_SAFE_INTEGER, { field: 'to', rule: 'rewind-to' }],
  ])('to %p, which is in the future, is refused', (to, context) => {
    const refused = () => after(standing, { type: 'rewind', to: to as number });
    expect(refused).toThrow(expect.objectContaining({ code: 'ROUTE_INVALID', context }));
  });

  it.each<[number, object | undefined, string | undefined]>([
    [400, undefined, undefined],
    [400, { from: '', to: 'z' }, undefined],
    [400, { from: 'users:z', to: 'users:é' }, undefined],
    [-1, undefined, 'rewind-to'],
    [1.5, undefined, 'rewind-to'],
    [400, { from: 'b', to: 'a' }, 'rewind-keys'],
    [400, { from: 'a', to: 'a' }, 'rewind-keys'],
    [400, { from: 'a', to: 'é'.repeat(1_025) }, 'rewind-keys'],
  ])('to %p of keys %j: breaks %p', (to, keys, rule) => {
    const operation = { type: 'rewind', to, ...(keys === undefined ? {} : { keys }) } as RouteOperation;
    const limits = { names: topicNames(), allowedTopics: [], topicsMax: 3 };
    expect(operationProblem('users', operation, limits)?.rule).toBe(rule);
  });

  it('needs a route', () => {
    expect(() => after(undefined, back)).toThrow(expect.objectContaining({ code: 'ROUTE_NOT_FOUND' }));
  });
});
