import { TidemarkError } from '@tidemark/runtime';
import { eventually } from '@tidemark/runtime/testing';
import { describe, expect, it } from '@jest/globals';
import { type FeedBatch, type PublishedAt } from '../backend.js';
import { memory } from '../memory-backend.js';
import { changeFeedContract, FakeChangeFeed, FakeEventPublisher } from './index.js';

const routeTo = (table: string, topic: string) => ({
  table,
  version: 1,
  writerEpoch: 1,
  topics: { [topic]: 1 },
  deleted: false,
  changedAt: 0,
  changedBy: 'test',
});

describe('the change feed contract on the fake', () => {
  const cases = changeFeedContract(async () => {
    const feed = new FakeChangeFeed();
    return {
      feed,
      publisher: new FakeEventPublisher(feed),
      topicOf: (table) => table,
      addTable: async (table) => feed.route(routeTo(table, table)),
      close: async () => undefined,
    };
  });
  for (const { name, run } of cases) it(name, run);
});

describe('the change feed contract on memory', () => {
  const cases = changeFeedContract(async () => {
    const backend = memory();
    const { feed, publisher, store, close } = backend.open();
    return {
      feed,
      publisher,
      topicOf: (table) => `memory.cache.${table}`,
      addTable: (table) => store.check(table, { timeoutMs: 1_000 }),
      close,
    };
  });
  for (const { name, run } of cases) it(name, run);
});

describe('the place of a record in its table topic', () => {
  const call = { timeoutMs: 1_000 };
  const record = (key: string | null) => ({ key, value: null, header: '1.0;x' });

  /** `partition:src` of what a feed hands over, watermarks of its own left out. */
  function recorder() {
    const places: string[] = [];
    const handler = {
      onRoute: () => undefined,
      onBatch: ({ partition, records }: FeedBatch) =>
        void places.push(...records.flatMap(({ src }) => (src === undefined ? [] : [`${partition}:${src}`]))),
      onGap: () => undefined,
      onPartitions: () => undefined,
      onState: () => undefined,
    };
    return { places, handler };
  }

  const told = (places: readonly PublishedAt[]) => places.map(({ partition, offset }) => `${partition}:${offset}`);

  it('is told by the fake publisher, and stands in what the fake feed hands over', async () => {
    const feed = new FakeChangeFeed();
    const publisher = new FakeEventPublisher(feed);
    const { places, handler } = recorder();
    await feed.open(handler);
    await feed.tail(['t']);
    const published = await publisher.publish('t', [record('a'), record('b'), record('a')]);
    expect(places).toEqual(told(published));
    await publisher.publish('t', [record(null)]);
    expect(places.slice(3).map((place) => place.split(':')[0])).toEqual(['0', '1', '2', '3']);
  });

  it('counts on in memory over what is published and what is written, and is the same for every pod', async () => {
    const backend = memory();
    const [first, second] = [backend.open(), backend.open()];
    const [a, b] = [recorder(), recorder()];
    for (const [pod, { handler }] of [
      [first, a],
      [second, b],
    ] as const) {
      await pod.feed.open(handler);
      await pod.feed.tail(['memory.cache.t']);
    }
    const before = await first.publisher.publish('t', [record('a')], call);
    backend.writeItem('t', 'a', { value: '1' });
    const after = await second.publisher.publish('t', [record('a')], call);
    const { partition, offset } = before[0] ?? { partition: -1, offset: -1 };
    expect(after).toEqual([{ partition, offset: offset + 2 }]);
    await eventually('both pods have all three', () => a.places.length === 3 && b.places.length === 3);
    expect(a.places).toEqual([0, 1, 2].map((n) => `${partition}:${offset + n}`));
    expect(b.places).toEqual(a.places);
    await first.close();
    await second.close();
  });
});

describe('FakeEventPublisher', () => {
  it('fails once when told to, and publishes nothing then', async () => {
    const publisher = new FakeEventPublisher(new FakeChangeFeed());
    publisher.failNext(new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true }));
    const record = { key: 'k', value: null, header: '1.0;x' };
    await expect(publisher.publish('t', [record])).rejects.toMatchObject({ code: 'PUBLISH_FAILED' });
    await publisher.publish('t', [record]);
    expect(publisher.published).toHaveLength(1);
  });
});
