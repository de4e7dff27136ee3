import { TidemarkError } from '@tidemark/runtime';
import { describe, expect, it } from '@jest/globals';
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
