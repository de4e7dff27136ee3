import { expect, it } from '@jest/globals';
import { type Route } from '@tidemark/protocol';

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

function routeOf(fields: Partial<Route>): Route {
  const route = { table: 'users', version: 1, writerEpoch: 1, topics: { t: 1 }, deleted: false };
  return { ...route, changedAt: 0, changedBy: 'test', ...fields };
}
