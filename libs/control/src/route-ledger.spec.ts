import { expect, it } from '@jest/globals';
import { encodeRoute, type Route } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';

import { RouteLedger } from './route-ledger.js';

it('takes records in log order and ignores those of a lower epoch', () => {
  const ledger = new RouteLedger(10);
  expect(ledger.apply(routeOf({ version: 1, writerEpoch: 2 }))).toBe('accepted');
  expect(ledger.apply(routeOf({ version: 2, writerEpoch: 1 }))).toBe('stale');
  expect(ledger.apply(routeOf({ version: 2, writerEpoch: 2 }))).toBe('accepted');
  expect(ledger.last('users')).toMatchObject({ version: 2, writerEpoch: 2 });
  expect(ledger.epoch).toBe(2);
});

it('accepts a record that does not go on from the last, and says so', () => {
  const ledger = new RouteLedger(10);
  ledger.apply(routeOf({ version: 4 }));
  expect(ledger.apply(routeOf({ version: 4, changedBy: 'somebody else' }))).toBe('out-of-step');
  expect(ledger.last('users')).toMatchObject({ changedBy: 'somebody else' });
});

it('takes a record that came twice as one', () => {
  const ledger = new RouteLedger(10);
  ledger.apply(routeOf({ version: 4 }));
  expect(ledger.apply(routeOf({ version: 4 }))).toBe('accepted');
  expect(ledger.history('users')).toHaveLength(1);
});

it('takes what it has seen before for nothing new from when the log begins anew until that is read to its end', () => {
  const ledger = new RouteLedger(10);
  const [first, second] = [routeOf({ version: 1 }), routeOf({ version: 2 })];
  for (const route of [first, second]) ledger.apply(route);
  ledger.restart();
  expect([ledger.apply(first), ledger.last('users')?.version]).toEqual(['repeated', 2]);
  ledger.catchUp();
  expect([ledger.apply(first), ledger.last('users')?.version]).toEqual(['out-of-step', 1]);
});

it('lists and counts live routes, sorted', () => {
  const ledger = new RouteLedger(10);
  for (const table of ['users', 'orders', 'gone']) ledger.apply(routeOf({ table }));
  ledger.apply(routeOf({ table: 'gone', version: 2, topics: {}, deleted: true }));
  expect(ledger.live().map(({ table }) => table)).toEqual(['orders', 'users']);
  expect(ledger.count).toBe(2);
  expect(ledger.last('gone')).toMatchObject({ deleted: true });
});

it('keeps the newest records of a table, newest first', () => {
  const ledger = new RouteLedger(2);
  for (const version of [1, 2, 3]) ledger.apply(routeOf({ version }));
  expect(ledger.history('users').map(({ version }) => version)).toEqual([3, 2]);
  expect(ledger.history('orders')).toEqual([]);
});

it('holds, of any log, the last record of each table that no higher epoch came before', () => {
  const record = fc
    .record({
      table: fc.constantFrom('users', 'orders', 'roles'),
      version: fc.integer({ min: 1, max: 5 }),
      writerEpoch: fc.integer({ min: 1, max: 3 }),
      deleted: fc.boolean(),
    })
    .map((fields) => routeOf({ ...fields, topics: fields.deleted ? {} : { t: 1 } }));
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), (log) => {
      const ledger = new RouteLedger(3);
      const verdicts = log.map((route) => ledger.apply(route));
      const heard = log.filter(({ writerEpoch }, at) =>
        log.slice(0, at).every((other) => other.writerEpoch <= writerEpoch),
      );
      const lasts = new Map(heard.map((route) => [route.table, route]));
      return (
        verdicts.filter((verdict) => verdict !== 'stale').length === heard.length &&
        [...lasts].every(([table, route]) => encodeRoute(ledger.last(table) ?? route) === encodeRoute(route)) &&
        ledger.count === [...lasts.values()].filter(({ deleted }) => !deleted).length &&
        ledger.live().length === ledger.count &&
        [...lasts.keys()].every((table) => ledger.history(table).length <= 3)
      );
    }),
    runs(2),
  );
});

function routeOf(fields: Partial<Route>): Route {
  const route = { table: 'users', version: 1, writerEpoch: 1, topics: { t: 1 }, deleted: false };
  return { ...route, changedAt: 0, changedBy: 'test', ...fields };
}
