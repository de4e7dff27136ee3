import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createKafkaClient, GroupConsumer, type KafkaClient, KafkaProducer, KafkaTopicAdmin } from '@tidemark/kafka';
import { EmbeddedKafka } from '@tidemark/local-stack';
import { type SourceBatch } from '@tidemark/pipeline';
import { topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { testLogger } from './test-logger.js';

describe('a leader in whose time nothing was written', () => {
  const kafka = new EmbeddedKafka();
  beforeAll(() => kafka.start());
  afterAll(() => kafka.close());
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  const signal = new AbortController().signal;

  it(
    'is no hole in the log of a member that began then, when the next one leads',
    async () => {
      const names = topicNames('idle-leader');
      const client = createKafkaClient({ brokers: [kafka.address] });
      const topic = names.cdc('a');
      await new KafkaTopicAdmin({ client, replicationFactor: 1 }).create(topic, 1, signal);
      const producer = new KafkaProducer({ client, names });
      closers.push(() => producer.close());
      const write = (): Promise<unknown> =>
        producer.send(topic, [{ partition: 0, record: { key: 'k', value: Buffer.from('v'), header: 'h' } }], signal);
      const nextLeader = (): void => kafka.faults.loseLeader(topic)();
      await write();
      nextLeader();
      const admin = client.admin({});
      await admin.connect();
      closers.push(() => admin.disconnect());
      const partitions = [{ partition: 0, offset: '1' }];
      await admin.setOffsets({ groupId: names.dispatcherGroup, topic, partitions });

      const batches: SourceBatch[] = [];
      let fetches = 0;
      const watched: KafkaClient = {
        ...client,
        consumer: (config) => {
          const consumer = client.consumer(config);
          consumer.on(consumer.events.REQUEST, ({ payload }) => void (fetches += payload.apiName === 'Fetch' ? 1 : 0));
          return consumer;
        },
      };
      const source = new GroupConsumer({ client: watched, logger: testLogger, groupId: names.dispatcherGroup });
      closers.push(() => source.stop());
      await source.subscribe([topic]);
      await source.start({
        onAssigned: async () => undefined,
        onBatch: async (batch) => {
          batches.push(batch);
          return 'commit';
        },
      });
      await eventually('it has asked for what is not there yet', () => fetches > 0);
      nextLeader();
      await write();
      await eventually('what comes later', () => batches.at(-1)?.nextOffset === 2n);
      expect(batches.map(({ firstOffset, afterGap }) => [firstOffset, afterGap])).toEqual([[1n, false]]);
    },
    caseTimeoutMs,
  );
});
