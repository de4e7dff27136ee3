import { expect, it } from '@jest/globals';
import { RoutingTable } from '@tidemark/control';
import { FakeRouteLog, FakeRoutingTopic, FakeTopicAdmin } from '@tidemark/control/testing';
import { DispatchRoutes } from '@tidemark/pipeline/internals';
import { decodeRoute, topicNames } from '@tidemark/protocol';
import { isTidemarkError } from '@tidemark/runtime';
import { fuzzAsync } from './fuzz.js';
import { goldenBytes } from './golden.js';

const recordsATopic = 20;
const tables = ['permissions', 'users', 'things'];

async function openTable(topic: FakeRoutingTopic): Promise<RoutingTable> {
  const topics = new FakeTopicAdmin({ 'tidemark.cache.new': 4 });
  const table = new RoutingTable({ log: new FakeRouteLog(topic), topics, names: topicNames() });
  await table.open();
  return table;
}

/** What a routing topic makes of its readers: each must come to the same, and none may be broken by it. */
async function readAll(records: readonly Uint8Array[]): Promise<string> {
  const topic = new FakeRoutingTopic();
  const follower = await openTable(topic);
  const routes = new DispatchRoutes();
  for (const [n, record] of records.entries()) {
    const bytes = Buffer.from(record).toString('latin1');
    topic.writeRaw(tables[n % tables.length] ?? '', bytes);
    const decoded = decodeRoute(bytes);
    if (decoded.ok) routes.apply(decoded.route);
  }
  routes.toAdopt()();
  for (const table of routes.tables()) routes.inForce(table);
  const late = await openTable(topic);
  if (JSON.stringify(late.list()) !== JSON.stringify(follower.list()))
    throw new Error(`one read ${JSON.stringify(follower.list())}, another ${JSON.stringify(late.list())}`);
  const outcome = await changed(late);
  await Promise.all([late.close(), follower.close()]);
  return outcome;
}

/** A change is made, or refused with a code. */
async function changed(table: RoutingTable): Promise<string> {
  try {
    await table.takeOver();
    await table.put('fresh', ['tidemark.cache.new'], { ifMatch: 'none', actor: 'fuzz' });
    return 'changed';
  } catch (error) {
    if (!isTidemarkError(error)) throw error;
    return error.code;
  }
}

it('a routing topic, whatever stands in it, is read to one state by all, and changed or refused with a code', async () => {
  const outcomes = new Map<string, number>();
  let records: Uint8Array[] = [];
  await fuzzAsync({ corpus: goldenBytes('routes.json'), runs: 40_000 }, async (input) => {
    records.push(input);
    if (records.length < recordsATopic) return;
    const batch = records;
    records = [];
    const outcome = await readAll(batch);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  });
  expect(outcomes.get('changed')).toBeGreaterThan(0);
}, 600_000);
