import { describe, expect, it } from '@jest/globals';
import { GroupConsumer, type KafkaClient } from '@tidemark/kafka';
import { type SourceBatch } from '@tidemark/pipeline';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { embeddedKafka, tableTopic } from './embedded-bench.js';
import { testLogger } from './test-logger.js';

describe('a leader in whose time nothing was written', () => {
  const { kafka, closers } = embeddedKafka();

  it(
    'is no hole in the log of a member that began then, when the next one leads',
    async () => {
      const { names, client, topic, write } = await tableTopic(kafka, closers, 'idle-leader');
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
