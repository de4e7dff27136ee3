import { describe, expect, it } from '@jest/globals';
import { type RouteHistoryEntry } from '@tidemark/protocol';
import { MetricRegistry } from '@tidemark/runtime';
import { ManualClock, recordingLogger, settle } from '@tidemark/runtime/testing';

import { RouteHistory, type RouteHistoryOptions } from './route-history.js';
import { FakeRouteHistory } from './testing/fake-route-history.js';
import { FakeRoutingTopic } from './testing/fake-route-log.js';
import { foreignRoute, openRoutingTable } from './testing/routing-bench.js';

const a = 'tidemark.cache.a';
const b = 'tidemark.cache.b';
const create = { ifMatch: 'none', actor: 'jane' } as const;

function historyOf(options: Partial<RouteHistoryOptions> = {}) {
  const log = new FakeRouteHistory();
  const clock = new ManualClock();
  const logger = recordingLogger();
  const metrics = new MetricRegistry();
  const history = new RouteHistory({ log, clock, logger, metrics, ...options });
  const failures = (): number => {
    const [series] =
      metrics
        .collect()
        .find(({ name }) => name.endsWith('history_failures_total'))
        ?.series.values() ?? [];
    return series !== undefined && 'value' in series ? series.value : 0;
  };
  return { log, clock, logger, history, failures };
}

const entry = (version: number): RouteHistoryEntry => ({
  operation: 'put',
  before: version === 1 ? null : foreignRoute({ version: version - 1 }),
  after: foreignRoute({ version }),
});

describe('what a routing table tells of its changes', () => {
  it('is each of them once, with what stood before it, what was done and by whom', async () => {
    const told: RouteHistoryEntry[] = [];
    const { table } = await openRoutingTable(undefined, { onChanged: (one) => told.push(one) });
    await table.put('users', [a], create);
    await table.operate('users', { type: 'move', to: b }, { ifMatch: 1, actor: 'joe' });
    await table.put('users', [a], { ifMatch: 2, actor: 'joe', dryRun: true });
    await table.delete('users', { ifMatch: 2, actor: 'jane' });
    const lines = told.map(({ operation, before, after }) => [
      operation,
      before?.version,
      after.version,
      after.changedBy,
    ]);
    expect(lines).toEqual([
      ['put', undefined, 1, 'jane'],
      ['move', 1, 2, 'joe'],
      ['delete', 2, 3, 'jane'],
    ]);
    expect(told[0]?.before).toBeNull();
  });

  it('holds what arrives late and what it repairs, and nothing of another writer', async () => {
    const told: RouteHistoryEntry[] = [];
    const { table, log } = await openRoutingTable(undefined, { onChanged: (one) => told.push(one) });
    await table.put('users', [a], create);
    log.failNextAppend('later');
    await expect(table.put('users', [b], { ifMatch: 1, actor: 'joe' })).rejects.toMatchObject({
      code: 'PUBLISH_FAILED',
    });
    log.deliverLate();
    await settle();
    expect(told.map(({ operation, after }) => [operation, after.version])).toEqual([
      ['put', 1],
      ['put', 2],
    ]);
    const topic = new FakeRoutingTopic();
    topic.write(foreignRoute({ writerEpoch: 3 }));
    const other: RouteHistoryEntry[] = [];
    const second = await openRoutingTable(topic, { onChanged: (one) => other.push(one) });
    topic.write(foreignRoute({ writerEpoch: 2, version: 9 }));
    await settle();
    expect(second.table.get('users').version).toBe(10);
    expect(other.map(({ operation, after }) => [operation, after.version])).toEqual([['repair', 10]]);
  });
});

describe('RouteHistory', () => {
  it('tells what is kept and what was seen, each once, newest first, as many as are asked for', async () => {
    const { history } = historyOf();
    for (const version of [1, 2, 3]) history.note(entry(version));
    await settle();
    const seen = [foreignRoute({ version: 4, writerEpoch: 2 }), foreignRoute({ version: 3 })];
    const { changes, complete } = await history.read('users', seen, 3);
    expect(complete).toBe(true);
    expect(changes.map(({ after, operation }) => [after.version, operation])).toEqual([
      [4, undefined],
      [3, 'put'],
      [2, 'put'],
    ]);
    expect(changes.map(({ before }) => before?.version)).toEqual([undefined, 2, 1]);
  });

  it('knows no table that nobody has changed', async () => {
    await expect(historyOf().history.read('users', [], 50)).rejects.toMatchObject({ code: 'ROUTE_NOT_FOUND' });
  });

  it('answers what was seen where nothing can be read, and says so', async () => {
    const { history, log, logger } = historyOf();
    log.failure = new Error('no broker');
    expect(await history.read('users', [foreignRoute({})], 50)).toMatchObject({
      complete: false,
      changes: [{ after: { version: 1 } }],
    });
    expect(logger.lines.map(({ message }) => message)).toEqual(['the history of routes cannot be read']);
  });

  it('does not say that there is no such table where nothing can be read', async () => {
    const { history, log } = historyOf();
    log.failure = new Error('no broker');
    const refused = { code: 'FEED_UNAVAILABLE', retriable: true, context: { table: 'users' } };
    await expect(history.read('users', [], 50)).rejects.toMatchObject(refused);
  });

  it('waits no longer for what is kept than it may', async () => {
    const { history, log, clock } = historyOf({ readTimeoutMs: 100 });
    log.read = () => new Promise(() => undefined);
    const read = history.read('users', [foreignRoute({})], 50);
    await clock.advance(100);
    expect((await read).complete).toBe(false);
  });

  it('counts and tells what could not be kept, and keeps the next', async () => {
    const { history, log, logger, failures } = historyOf();
    log.failure = new Error('no broker');
    history.note(entry(1));
    await settle();
    expect([failures(), log.entries.length]).toEqual([1, 0]);
    expect(logger.lines[0]).toMatchObject({ level: 'warn', message: 'a change of a route is missing in the history' });
    log.failure = undefined;
    history.note(entry(2));
    await settle();
    expect([failures(), log.entries.length]).toEqual([1, 1]);
  });

  it('keeps entries in their order, each within its time, and drops those beyond its bound', async () => {
    const { history, log, clock, failures } = historyOf({ pendingMax: 2, appendTimeoutMs: 100 });
    log.beforeAppend = () => new Promise(() => undefined);
    for (const version of [1, 2, 3]) history.note(entry(version));
    await settle();
    expect(failures()).toBe(1);
    await clock.advance(100);
    expect(failures()).toBeGreaterThanOrEqual(2);
    await history.close();
  });

  it('lets the last entries be kept when it closes, for a while', async () => {
    const { history, log, clock, failures } = historyOf({ closeTimeoutMs: 50 });
    let go: () => void = () => undefined;
    log.beforeAppend = () => new Promise((resolve) => (go = resolve));
    history.note(entry(1));
    await settle();
    const closed = history.close();
    go();
    await closed;
    expect([log.entries.length, log.closed]).toEqual([1, true]);
    const slow = historyOf({ closeTimeoutMs: 50 });
    slow.log.beforeAppend = () => new Promise(() => undefined);
    slow.history.note(entry(1));
    const closing = slow.history.close();
    await slow.clock.advance(50);
    await closing;
    expect([slow.failures(), failures(), clock.pending]).toEqual([1, 0, 0]);
  });
});
