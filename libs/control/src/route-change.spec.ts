import { describe, expect, it } from '@jest/globals';
import { followedTopic, type Route } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';

import { checkPrecondition, nextRoute, repairedRoute, routeDiff, type TopicFilters } from './route-change.js';

const stamp = { writerEpoch: 3, changedAt: 7, changedBy: 'ops' };

describe('nextRoute', () => {
  it('starts at version 1', () => {
    expect(nextRoute(undefined, 'users', ['a'], stamp)).toEqual({
      table: 'users',
      version: 1,
      topics: { a: 1 },
      deleted: false,
      ...stamp,
    });
  });

  it('keeps the since of a topic that stays and gives a new one this version', () => {
    const first = nextRoute(undefined, 'users', ['a'], stamp);
    const moving = nextRoute(first, 'users', ['a', 'b'], stamp);
    const moved = nextRoute(moving, 'users', ['b'], stamp);
    expect([moving.topics, moved.topics]).toEqual([{ a: 1, b: 2 }, { b: 2 }]);
    expect([first, moving, moved].map((route) => followedTopic(route))).toEqual(['a', 'b', 'b']);
  });

  it('hazard 66: a topic that was removed and comes back has a fresh since', () => {
    let route = nextRoute(undefined, 'users', ['a'], stamp);
    for (const topics of [['b'], ['a', 'b'], ['a']]) route = nextRoute(route, 'users', topics, stamp);
    expect(route.topics).toEqual({ a: 3 });
  });

  it('hazard 66: a route that was deleted comes back with a fresh since and goes on counting', () => {
    const first = nextRoute(undefined, 'users', ['a'], stamp);
    const deleted = nextRoute(first, 'users', [], stamp);
    expect(deleted).toMatchObject({ version: 2, topics: {}, deleted: true });
    expect(nextRoute(deleted, 'users', ['a'], stamp)).toMatchObject({ version: 3, topics: { a: 3 }, deleted: false });
  });

  it('keeps the since of a limited topic while its buckets stay, whoever it is for', () => {
    const route = (from: Route | undefined, limited: TopicFilters) => nextRoute(from, 'users', ['a'], stamp, limited);
    const first = route(undefined, { b: { services: ['x'], buckets: ['q', 'p'] } });
    expect(first.limited).toEqual({ b: { since: 1, services: ['x'], buckets: ['p', 'q'] } });
    const toOthers = route(first, { b: { services: ['y'], buckets: ['p', 'q'] } });
    const widened = route(toOthers, { b: { services: ['y'], buckets: ['p', 'q', 'r'] } });
    const narrowed = route(widened, { b: { buckets: ['p'] } });
    const whole = nextRoute(narrowed, 'users', ['a', 'b'], stamp);
    expect([toOthers, widened, narrowed].map(({ limited }) => limited?.['b']?.since)).toEqual([1, 3, 4]);
    expect([whole.topics, whole.limited, whole.deleted]).toEqual([{ a: 1, b: 5 }, undefined, false]);
  });

  it('ends a move, and leaves a route paused that was', () => {
    const move = { to: 'b', from: ['a'], until: 9 };
    const moving: Route = { ...nextRoute(undefined, 'users', ['a', 'b'], stamp), paused: true, move };
    const next = nextRoute(moving, 'users', ['b'], stamp);
    expect([next.move, next.paused, nextRoute(next, 'users', [], stamp).paused]).toEqual([undefined, true, undefined]);
  });

  it('hazard 66: never lets a since stand that is older than the topic’s last absence', () => {
    const topic = fc.constantFrom('a', 'b', 'c');
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(topic), { minLength: 1, maxLength: 12 }), (sequence) => {
        let route: Route | undefined;
        const continuousSince = new Map<string, number>();
        for (const topics of sequence) {
          route = nextRoute(route, 'users', topics, stamp);
          for (const name of ['a', 'b', 'c'] as const) {
            if (!topics.includes(name)) continuousSince.delete(name);
            else if (!continuousSince.has(name)) continuousSince.set(name, route.version);
          }
          expect(route.topics).toEqual(Object.fromEntries(continuousSince));
        }
      }),
      runs(10),
    );
  });
});

describe('repairedRoute', () => {
  it('stands above both versions with a fresh since everywhere', () => {
    const known = nextRoute(undefined, 'users', ['a', 'b'], stamp);
    expect(repairedRoute('users', known, 9, stamp)).toMatchObject({ version: 10, topics: { a: 10, b: 10 } });
    expect(repairedRoute('users', { ...known, version: 12 }, 9, stamp)).toMatchObject({ version: 13 });
  });

  it('keeps what limits, pauses and moves it', () => {
    const known = nextRoute(undefined, 'users', ['a'], stamp, { b: { services: ['s'] } });
    const move = { to: 'a', from: ['a'], until: 9 };
    const repaired = repairedRoute('users', { ...known, paused: true, move }, 4, stamp);
    expect(repaired).toMatchObject({
      topics: { a: 5 },
      limited: { b: { since: 5, services: ['s'] } },
      paused: true,
      move,
    });
  });

  it('keeps a rewind, also of a route that is deleted', () => {
    const known = { ...nextRoute(undefined, 'users', [], stamp), rewind: { id: 7, to: 6 } };
    expect(repairedRoute('users', known, 4, stamp)).toMatchObject({ deleted: true, rewind: { id: 7, to: 6 } });
  });

  it('deletes what only the other writer knew', () => {
    expect(repairedRoute('users', undefined, 1, stamp)).toMatchObject({ version: 2, topics: {}, deleted: true });
  });
});

it('sorts topics into added, kept and removed', () => {
  const current = nextRoute(undefined, 'users', ['b', 'a'], stamp);
  const next = nextRoute(current, 'users', ['a'], stamp, { c: { services: ['s'] } });
  expect(routeDiff(current, next)).toEqual({ added: ['c'], kept: ['a'], removed: ['b'] });
  const again = nextRoute(next, 'users', ['a'], stamp);
  expect(routeDiff({ ...current, deleted: true }, again)).toEqual({ added: ['a'], kept: [], removed: [] });
});

describe('checkPrecondition', () => {
  const live = nextRoute(undefined, 'users', ['a'], stamp);
  const deleted = nextRoute(live, 'users', [], stamp);

  it('accepts the version that stands, and none where nothing stands', () => {
    expect(() => {
      checkPrecondition('users', live, 1);
      checkPrecondition('users', undefined, 'none');
      checkPrecondition('users', deleted, 'none');
    }).not.toThrow();
  });

  it.each<[string, Route | undefined, number | 'none', string, object]>([
    ['another version', live, 2, 'ROUTE_CONFLICT', { currentVersion: 1, expected: 2 }],
    ['an existing route', live, 'none', 'ROUTE_CONFLICT', { currentVersion: 1, expected: 'none' }],
    ['no route', undefined, 1, 'ROUTE_NOT_FOUND', { table: 'users' }],
    ['a deleted route', deleted, 2, 'ROUTE_NOT_FOUND', { table: 'users' }],
  ])('refuses %s', (_, current, expected, code, context) => {
    let thrown: unknown;
    try {
      checkPrecondition('users', current, expected);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code, context });
  });
});
