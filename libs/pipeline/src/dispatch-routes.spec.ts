import { expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';

import { DispatchRoutes } from './dispatch-routes.js';
import { route } from './testing/dispatch-bench.js';

it('knows the last route of each table', () => {
  const routes = new DispatchRoutes();
  routes.apply(route(1, { a: 1 }));
  routes.apply(route(2, { a: 1, b: 2 }));
  routes.apply(route(1, { c: 1 }, { table: 'orders' }));
  routes.toAdopt()();
  expect(routes.tables()).toEqual(['orders', 'users']);
  expect([
    routes.target('users', 'a')?.since,
    routes.target('users', 'b')?.since,
    routes.target('users', 'c')?.since,
  ]).toEqual([1, 2, undefined]);
});

it('has no live route for a table whose route was deleted', () => {
  const routes = new DispatchRoutes();
  routes.apply(route(1, { a: 1 }));
  routes.apply(route(2, {}));
  routes.toAdopt()();
  expect([routes.live('users'), routes.target('users', 'a')?.since, routes.tables()]).toEqual([
    undefined,
    undefined,
    [],
  ]);
});

it('ignores a lower writer epoch, whichever table it speaks of', () => {
  const routes = new DispatchRoutes();
  expect(routes.apply(route(1, { a: 1 }, { writerEpoch: 5 }))).toBe(true);
  expect(routes.apply(route(9, { z: 9 }, { writerEpoch: 4 }))).toBe(false);
  expect(routes.apply(route(1, { z: 1 }, { table: 'orders', writerEpoch: 4 }))).toBe(false);
  expect(routes.apply(route(2, { b: 2 }, { writerEpoch: 5 }))).toBe(true);
  expect(routes.live('users')?.topics).toEqual({ b: 2 });
  expect(routes.live('orders')).toBeUndefined();
});

it('takes no inherited property for a topic', () => {
  const routes = new DispatchRoutes();
  routes.apply(route(1, { a: 1 }));
  routes.toAdopt()();
  expect(routes.target('users', 'toString')?.since).toBeUndefined();
});

it('puts a route into force only once what was heard is adopted, and nothing that was heard after that was asked for', () => {
  const routes = new DispatchRoutes();
  expect(routes.pending).toBe(false);
  routes.apply(route(1, { a: 1 }));
  const first = routes.toAdopt();
  routes.apply(route(2, { a: 1, b: 2 }));
  expect([routes.inForce('users'), routes.target('users', 'a')?.since, routes.pending]).toEqual([
    undefined,
    undefined,
    true,
  ]);
  first();
  expect([routes.target('users', 'a')?.since, routes.target('users', 'b')?.since, routes.pending]).toEqual([
    1,
    undefined,
    true,
  ]);
  routes.toAdopt()();
  expect([routes.target('users', 'b')?.since, routes.pending]).toEqual([2, false]);
  first();
  expect(routes.target('users', 'b')?.since).toBe(2);
});

it('holds, of any log, the last route of each table that no higher epoch came before', () => {
  const topics = fc.dictionary(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 9 }));
  const record = fc
    .record({ table: fc.constantFrom('users', 'orders'), topics, writerEpoch: fc.integer({ min: 1, max: 3 }) })
    .map(({ topics: of, ...fields }) => route(1, of, fields));
  fc.assert(
    fc.property(fc.array(record, { maxLength: 12 }), (log) => {
      const routes = new DispatchRoutes();
      for (const each of log) routes.apply(each);
      const heard = log.filter(({ writerEpoch }, at) =>
        log.slice(0, at).every((other) => other.writerEpoch <= writerEpoch),
      );
      return ['users', 'orders'].every((table) => {
        const last = heard.findLast((each) => each.table === table);
        const isLive = last !== undefined && !last.deleted;
        return routes.live(table) === (isLive ? last : undefined) && routes.tables().includes(table) === isLive;
      });
    }),
    runs(),
  );
});

it('keeps the routes in force while a topic that has begun anew is read, and those that it does not name beyond', () => {
  const routes = new DispatchRoutes();
  routes.apply(route(7, { b: 7 }, { writerEpoch: 9 }));
  routes.apply(route(3, { o: 3 }, { table: 'orders', writerEpoch: 9 }));
  routes.toAdopt()();
  const take = routes.beginAgain();
  routes.apply(route(1, { a: 1 }));
  expect([routes.live('users')?.topics, routes.pending]).toEqual([{ b: 7 }, false]);
  routes.apply(route(2, { c: 2 }));
  expect(take()).toBe(true);
  expect([routes.live('users')?.topics, routes.pending]).toEqual([{ c: 2 }, true]);
  routes.toAdopt()();
  expect([routes.inForce('users')?.topics, routes.inForce('orders')?.topics]).toEqual([{ c: 2 }, { o: 3 }]);
  expect([routes.apply(route(3, { d: 3 })), routes.apply(route(4, { e: 4 }, { writerEpoch: 0 }))]).toEqual([
    true,
    false,
  ]);
});

it('takes nothing of a routing topic that was read to its end, where it has begun anew once more meanwhile', () => {
  const routes = new DispatchRoutes();
  routes.apply(route(7, { b: 7 }));
  routes.toAdopt()();
  const takeFirst = routes.beginAgain();
  const takeSecond = routes.beginAgain();
  routes.apply(route(1, { a: 1 }));
  expect([takeFirst(), routes.live('users')?.topics]).toEqual([false, { b: 7 }]);
  routes.apply(route(2, { c: 2 }));
  expect([takeSecond(), routes.live('users')?.topics]).toEqual([true, { c: 2 }]);
});

it('withholds the routes in force that another one was heard after, until that one is in force', () => {
  const routes = new DispatchRoutes();
  routes.apply(route(1, { a: 1 }));
  routes.apply(route(1, { o: 1 }, { table: 'orders' }));
  routes.toAdopt()();
  expect(routes.withhold()).toBe(false);
  routes.apply(route(2, { b: 2 }));
  expect(routes.withhold()).toBe(true);
  expect([routes.inForce('users'), routes.inForce('orders')?.topics, routes.pending]).toEqual([
    undefined,
    { o: 1 },
    true,
  ]);
  routes.toAdopt()();
  expect(routes.inForce('users')?.topics).toEqual({ b: 2 });
});

it('adopts nothing after it has withheld that was heard before something newer was', () => {
  const routes = new DispatchRoutes();
  routes.apply(route(1, { a: 1 }));
  routes.toAdopt()();
  routes.apply(route(2, { a: 1, b: 2 }));
  const late = routes.toAdopt();
  routes.apply(route(3, { b: 3 }));
  routes.withhold();
  late();
  expect([routes.inForce('users'), routes.pending]).toEqual([undefined, true]);
});
