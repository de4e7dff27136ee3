import assert from 'node:assert/strict';

import { type Route } from '@tidemark/protocol';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';

import { type RouteLog } from '../ports.js';

/** One routing topic of its own for each case. */
export interface RouteLogSetup {
  /** A new log on the topic, as another process would have. */
  newLog(): RouteLog;
  /** Appends bytes as they are; key = `table`. */
  writeRaw(table: string, bytes: string | null): Promise<void>;
  /** Called after the case, whose logs are closed by then. */
  dispose(): Promise<void>;
}

/** What every `RouteLog` must do. */
export function routeLogContract(setUp: () => Promise<RouteLogSetup>): readonly ContractCase[] {
  const cases: Record<string, (bench: Bench) => Promise<void>> = {
    'hands over what was written before it opened, in order': handsOverWhatWasThere,
    'opens an empty topic': opensAnEmptyTopic,
    'follows what is written later': followsLive,
    'resolves a barrier once everything written before it has been handed over': barrierHandsOver,
    'hands over its own records once each, in the order of the appends': handsOverItsOwn,
    'keeps a deleted route as a record': keepsDeletions,
    'tells unreadable records apart and goes on': reportsUnreadable,
    'hands nothing over after it was closed': silentAfterClose,
    'rejects a barrier whose signal is aborted': rejectsAborted,
  };
  return Object.entries(cases).map(([name, run]) => ({ name, run: () => runOn(setUp, run) }));
}

async function runOn(setUp: () => Promise<RouteLogSetup>, run: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = new Bench(await setUp());
  try {
    await run(bench);
  } finally {
    await bench.close();
  }
}

interface Reader {
  readonly log: RouteLog;
  readonly routes: Route[];
  readonly unreadable: { readonly reason: string; readonly unsupported: boolean }[];
}

class Bench {
  readonly setup: RouteLogSetup;
  readonly #readers: Reader[] = [];

  constructor(setup: RouteLogSetup) {
    this.setup = setup;
  }

  async reader(): Promise<Reader> {
    const reader: Reader = { log: this.setup.newLog(), routes: [], unreadable: [] };
    this.#readers.push(reader);
    await reader.log.open({
      onRoute: (route) => reader.routes.push(route),
      onUnreadable: (reason, unsupported) => reader.unreadable.push({ reason, unsupported }),
    });
    return reader;
  }

  async close(): Promise<void> {
    for (const { log } of this.#readers) await log.close();
    await this.setup.dispose();
  }
}

async function handsOverWhatWasThere(bench: Bench): Promise<void> {
  const writer = await bench.reader();
  for (const route of [routeOf('users', 1), routeOf('orders', 1)]) await writer.log.append(route, never());
  const { routes } = await bench.reader();
  assert.deepEqual(routes, [routeOf('users', 1), routeOf('orders', 1)]);
}

async function opensAnEmptyTopic(bench: Bench): Promise<void> {
  const { log, routes, unreadable } = await bench.reader();
  await log.barrier(never());
  assert.deepEqual([routes, unreadable], [[], []]);
}

async function followsLive(bench: Bench): Promise<void> {
  const reader = await bench.reader();
  const writer = await bench.reader();
  await writer.log.append(routeOf('users', 1), never());
  await eventually('the record is handed over', () => reader.routes.length === 1);
  assert.deepEqual(reader.routes, [routeOf('users', 1)]);
}

async function barrierHandsOver(bench: Bench): Promise<void> {
  const reader = await bench.reader();
  const writer = await bench.reader();
  for (let version = 1; version <= 20; version += 1) {
    await writer.log.append(routeOf('users', version), never());
    await reader.log.barrier(never());
    assert.equal(reader.routes.at(-1)?.version, version);
  }
}

async function handsOverItsOwn(bench: Bench): Promise<void> {
  const { log, routes } = await bench.reader();
  for (let version = 1; version <= 10; version += 1) await log.append(routeOf('users', version), never());
  await log.barrier(never());
  assert.deepEqual(
    routes.map(({ version }) => version),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
}

async function keepsDeletions(bench: Bench): Promise<void> {
  const writer = await bench.reader();
  const deleted: Route = { ...routeOf('users', 2), topics: {}, deleted: true };
  await writer.log.append(deleted, never());
  const { routes } = await bench.reader();
  assert.deepEqual(routes, [deleted]);
}

async function reportsUnreadable(bench: Bench): Promise<void> {
  const reader = await bench.reader();
  await bench.setup.writeRaw('users', 'not json');
  await bench.setup.writeRaw('orders', '{"v":"2.0"}');
  await reader.log.append(routeOf('users', 1), never());
  await reader.log.barrier(never());
  assert.deepEqual(
    reader.unreadable.map(({ unsupported }) => unsupported),
    [false, true],
  );
  assert.deepEqual(reader.routes, [routeOf('users', 1)]);
}

async function silentAfterClose(bench: Bench): Promise<void> {
  const reader = await bench.reader();
  const writer = await bench.reader();
  await reader.log.close();
  await writer.log.append(routeOf('users', 1), never());
  await writer.log.barrier(never());
  assert.deepEqual(reader.routes, []);
}

async function rejectsAborted(bench: Bench): Promise<void> {
  const { log } = await bench.reader();
  await assert.rejects(log.barrier(AbortSignal.abort()));
}

function never(): AbortSignal {
  return new AbortController().signal;
}

function routeOf(table: string, version: number): Route {
  return {
    table,
    version,
    writerEpoch: 1,
    topics: { [`tidemark.cache.${table}`]: version },
    deleted: false,
    changedAt: 1_700_000_000_000,
    changedBy: 'contract',
  };
}
