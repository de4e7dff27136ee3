import { describe, expect, it } from '@jest/globals';
import { createKafkaClient, GroupConsumer, RouteTopic } from '@tidemark/kafka';
import { type Route, topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { embeddedKafka, tableTopic } from './embedded-bench.js';
import { testLogger } from './test-logger.js';

const soon = (): AbortSignal => AbortSignal.timeout(10_000);
const named = (table: string): Route => ({
  ...{ table, version: 1, writerEpoch: 1, topics: { t: 1 }, deleted: false, changedAt: 1, changedBy: 'test' },
});

/** As where a permission is taken away, or a disk cannot be read: the brokers answer, tell of the topic, and hand over nothing of it. */
describe.each(['TOPIC_AUTHORIZATION_FAILED', 'UNKNOWN_SERVER_ERROR'] as const)('fetches refused with %s', (refusal) => {
  const { kafka, closers } = embeddedKafka();
  const prefixOf = (of: string): string => `${of}-${refusal.toLowerCase().replaceAll('_', '-')}`;

  it(
    'are told by a reader of routes, which takes nothing for read meanwhile, and reads all of it later',
    async () => {
      const names = topicNames(prefixOf('routes'));
      const topicOf = (): RouteTopic => {
        const client = createKafkaClient({ brokers: [kafka.address] });
        const topic = new RouteTopic({ client, names, logger: testLogger, create: { replicationFactor: 1 } });
        closers.push(() => topic.close());
        return topic;
      };
      const [writer, reader, routes] = [topicOf(), topicOf(), [] as string[]];
      await writer.open(() => undefined);
      for (const table of ['a', 'b']) await writer.append(named(table), soon());
      kafka.faults.answerError('Fetch', refusal, 100_000);
      let isOpen = false;
      const opened = reader.open(({ table }) => void routes.push(table)).then(() => (isOpen = true));
      await eventually('it says so', () => /hand over nothing/.test(reader.problem ?? ''), caseTimeoutMs / 2);
      expect([isOpen, routes]).toEqual([false, []]);
      kafka.faults.clear();
      await opened;
      expect(routes).toEqual(['a', 'b']);
      await eventually('it says no more', () => reader.problem === undefined);
    },
    caseTimeoutMs,
  );

  it(
    'are told by a member of a group, which goes on with what it is given later',
    async () => {
      const { names, client, topic, write } = await tableTopic(kafka, closers, prefixOf('member'));
      let handled = 0;
      const source = new GroupConsumer({ client, logger: testLogger, groupId: names.dispatcherGroup });
      closers.push(() => source.stop());
      await source.subscribe([topic]);
      await source.start({
        onAssigned: async () => undefined,
        onBatch: async ({ records }) => {
          handled += records.length;
          return 'commit';
        },
      });
      await write(5);
      await eventually('all', () => handled === 5);
      kafka.faults.answerError('Fetch', refusal, 100_000);
      await eventually('it says so', () => source.refused.has(topic), caseTimeoutMs / 2);
      await write(5);
      expect([handled, source.problem]).toEqual([5, undefined]);
      kafka.faults.clear();
      await eventually('the rest', () => handled === 10);
      await eventually('it says no more', () => source.refused.size === 0, caseTimeoutMs / 2);
    },
    caseTimeoutMs,
  );
});
