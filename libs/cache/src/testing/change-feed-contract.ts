import assert from 'node:assert/strict';
import { type Route, type WireRecord } from '@tidemark/protocol';
import { isTidemarkError } from '@tidemark/runtime';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { type ChangeFeed, type ChangeFeedHandler, type EventPublisher, type PublishedAt } from '../backend.js';

/** A feed that nobody has opened, and the publisher of what it follows. Each case has one of its own. */
export interface ChangeFeedSubject {
  readonly feed: ChangeFeed;
  /** Writes where the feed reads: `publish(table)` reaches the topic `topicOf(table)`. */
  readonly publisher: EventPublisher;
  topicOf(table: string): string;
  /** Makes the topic of a table, and a route of the table to it. */
  addTable(table: string): Promise<void>;
  close(): Promise<void>;
}

/** What every `ChangeFeed`, and every `EventPublisher` beside it, keeps. */
export function changeFeedContract(makeSubject: () => Promise<ChangeFeedSubject>): readonly ContractCase[] {
  const cases: Record<string, (bench: Bench) => Promise<void>> = {
    'hands over the routes that are there before it is open, and later ones as they come': handsOverRoutes,
    'hands over everything published after a topic is followed, and nothing from before': nothingBeforeAllAfter,
    'keeps the order of a key’s records': keepsOrder,
    'goes on with a topic that stays when the set changes': keepsTopicThatStays,
    'hands nothing over of a topic that left the set': forgetsTopicThatLeft,
    'hands nothing over after it is closed, and closes twice': silentAfterClose,
    'is opened once': openedOnce,
    'publishes nothing without complaint': publishesNothing,
    'tells the place of each record that has a key, in the order given': tellsPlaces,
  };
  return Object.entries(cases).map(([name, test]) => ({ name, run: () => runOn(makeSubject, test) }));
}

async function runOn(
  makeSubject: () => Promise<ChangeFeedSubject>,
  test: (bench: Bench) => Promise<void>,
): Promise<void> {
  const subject = await makeSubject();
  try {
    await test(new Bench(subject));
  } finally {
    await subject.feed.close();
    await subject.close();
  }
}

const call = { timeoutMs: 20_000 };

/** Notes what is handed over. */
class Bench implements ChangeFeedHandler {
  readonly subject: ChangeFeedSubject;
  readonly routes: Route[] = [];
  readonly seen: { readonly topic: string; readonly key: string; readonly value: string }[] = [];

  constructor(subject: ChangeFeedSubject) {
    this.subject = subject;
  }

  onRoute(route: Route): void {
    this.routes.push(route);
  }

  onBatch({ topic, records }: { readonly topic: string; readonly records: readonly WireRecord[] }): void {
    for (const { key, value } of records)
      if (key !== null) this.seen.push({ topic, key: text(key), value: text(value ?? '') });
  }

  onGap(topic: string, partition: number, reason: string): void {
    assert.fail(`a gap in ${topic}/${partition}: ${reason}`);
  }

  onPartitions(topic: string, count: number): void {
    assert.fail(`${topic} has ${count} partitions`);
  }

  onState(): void {
    return;
  }

  async follow(...tables: readonly string[]): Promise<void> {
    const topics = tables.map((table) => this.subject.topicOf(table));
    const counts = await this.subject.feed.tail(topics);
    for (const topic of topics) assert.ok((counts.get(topic) ?? 0) > 0, `no partition count of ${topic}`);
  }

  publish(table: string, ...values: readonly string[]): Promise<readonly PublishedAt[]> {
    const records = values.map((value) => ({ key: 'k', value: Buffer.from(value), header: '1.0;x' }));
    return this.subject.publisher.publish(table, records, call);
  }

  async sees(value: string): Promise<void> {
    await eventually(`${value} is handed over`, () => this.seen.some((record) => record.value === value), 30_000);
  }
}

async function handsOverRoutes(bench: Bench): Promise<void> {
  await bench.subject.addTable('first');
  await bench.subject.feed.open(bench);
  assert.deepEqual(
    bench.routes.map(({ table }) => table),
    ['first'],
  );
  await bench.subject.addTable('second');
  await eventually('the second route comes', () => bench.routes.some(({ table }) => table === 'second'), 30_000);
}

async function nothingBeforeAllAfter(bench: Bench): Promise<void> {
  await bench.subject.addTable('first');
  await bench.subject.feed.open(bench);
  await bench.publish('first', 'before');
  await bench.follow('first');
  await bench.publish('first', 'after');
  await bench.sees('after');
  assert.deepEqual(
    bench.seen.map(({ value }) => value),
    ['after'],
  );
}

async function keepsOrder(bench: Bench): Promise<void> {
  await bench.subject.addTable('first');
  await bench.subject.feed.open(bench);
  await bench.follow('first');
  const values = Array.from({ length: 200 }, (_, i) => String(i));
  await Promise.all([bench.publish('first', ...values.slice(0, 100)), bench.publish('first', ...values.slice(100))]);
  await bench.sees('199');
  assert.deepEqual(
    bench.seen.map(({ value }) => value),
    values,
  );
}

async function keepsTopicThatStays(bench: Bench): Promise<void> {
  await bench.subject.addTable('first');
  await bench.subject.addTable('second');
  await bench.subject.feed.open(bench);
  await bench.follow('first');
  const changing = bench.follow('first', 'second');
  await bench.publish('first', 'meanwhile');
  await changing;
  await bench.publish('second', 'new');
  await bench.sees('meanwhile');
  await bench.sees('new');
  assert.equal(bench.seen.filter(({ value }) => value === 'meanwhile').length, 1);
}

async function forgetsTopicThatLeft(bench: Bench): Promise<void> {
  await bench.subject.addTable('first');
  await bench.subject.addTable('second');
  await bench.subject.feed.open(bench);
  await bench.follow('first', 'second');
  await bench.follow('second');
  await bench.publish('first', 'gone');
  await bench.publish('second', 'here');
  await bench.sees('here');
  assert.equal(
    bench.seen.some(({ value }) => value === 'gone'),
    false,
  );
}

async function silentAfterClose(bench: Bench): Promise<void> {
  await bench.subject.addTable('first');
  await bench.subject.feed.open(bench);
  await bench.follow('first');
  await bench.subject.feed.close();
  await bench.subject.feed.close();
  await bench.publish('first', 'late');
  assert.deepEqual(bench.seen, []);
}

async function openedOnce(bench: Bench): Promise<void> {
  await bench.subject.feed.open(bench);
  await assert.rejects(bench.subject.feed.open(bench), (error) => isTidemarkError(error));
}

async function publishesNothing(bench: Bench): Promise<void> {
  await bench.subject.addTable('first');
  assert.deepEqual(await bench.publish('first'), []);
}

async function tellsPlaces(bench: Bench): Promise<void> {
  await bench.subject.addTable('first');
  const { publisher } = bench.subject;
  const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
  const keyed = keys.map((key) => ({ key, value: Buffer.from(key), header: '1.0;x' }));
  const control = { key: null, value: null, header: '1.0;x' };
  const places = await publisher.publish('first', [...keyed.slice(0, 30), control, ...keyed.slice(30)], call);
  assert.equal(places.length, keys.length);
  const again = await publisher.publish('first', keyed, call);
  const all = [...places, ...again];
  assert.deepEqual(
    again.map(({ partition }) => partition),
    places.map(({ partition }) => partition),
  );
  for (const partition of new Set(all.map((place) => place.partition))) {
    const offsets = all.filter((place) => place.partition === partition).map(({ offset }) => offset);
    for (const [i, offset] of offsets.entries())
      assert.ok(i === 0 || offset > (offsets[i - 1] ?? Infinity), offsets.join());
  }
  assert.deepEqual(await publisher.publish('first', [control], call), []);
}

function text(bytes: Uint8Array | string): string {
  return typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8');
}
