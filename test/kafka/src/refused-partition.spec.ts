import { describe, expect, it } from '@jest/globals';
import { type ChangeFeedHandler } from '@tidemark/cache';
import { GroupConsumer, KafkaTopicAdmin, PodFeed } from '@tidemark/kafka';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { embeddedKafka, tableTopic, type TableTopic } from './embedded-bench.js';
import { testLogger } from './test-logger.js';

/** A read of every partition of a table's topic. */
interface Reading {
  /** Records that were handed over, by partition. */
  readonly handed: readonly number[];
  /** Whether it says that something is refused. */
  readonly isTold: () => boolean;
}

describe('a partition that its broker cannot read', () => {
  const { kafka, closers } = embeddedKafka();

  async function member({ names, client, topic }: TableTopic): Promise<Reading> {
    const handed = [0, 0];
    const source = new GroupConsumer({ client, logger: testLogger, groupId: names.dispatcherGroup });
    closers.push(() => source.stop());
    await source.subscribe([topic]);
    await source.start({
      onAssigned: async () => undefined,
      onBatch: async ({ partition, records }) => {
        handed[partition] = (handed[partition] ?? 0) + records.length;
        return 'commit';
      },
    });
    return { handed, isTold: () => source.refused.has(topic) };
  }

  async function pod({ names, client, topic }: TableTopic): Promise<Reading> {
    await new KafkaTopicAdmin({ client, replicationFactor: 1 }).create(names.routes, 1, AbortSignal.timeout(10_000));
    const handed = [0, 0];
    let state = '';
    const handler: ChangeFeedHandler = {
      onRoute: () => undefined,
      onBatch: ({ partition, records }) => {
        handed[partition] = (handed[partition] ?? 0) + records.length;
      },
      onGap: (at, partition, reason) => {
        throw new Error(`gap of ${at}/${partition}: ${reason}`);
      },
      onPartitions: () => undefined,
      onState: (now) => (state = now),
    };
    const feed = new PodFeed({ client, names, service: 's', podId: 'p', logger: testLogger });
    closers.push(() => feed.close());
    await feed.open(handler);
    await feed.tail([topic]);
    return { handed, isTold: () => state === 'interrupted' };
  }

  it.each([
    ['a member of a group', member],
    ['a pod', pod],
  ] as const)(
    'keeps %s from none of the topic’s others',
    async (name, begin) => {
      const table = await tableTopic(kafka, closers, `refused-partition-${begin.name}`, 2);
      const { handed, isTold } = await begin(table);
      for (const partition of [0, 1]) await table.write(1, partition);
      await eventually('both are read', () => handed.join() === '1,1', caseTimeoutMs / 4);
      const mend = kafka.faults.breakDisk({ topic: table.topic, partition: 0 });
      await table.write();
      await eventually('it says so', isTold, caseTimeoutMs / 4);
      // Ten in a row for which nobody has looked the topic up.
      for (let [written, inARow, looks] = [2, 0, 0]; inARow < 10; written += 1) {
        await table.write(1, 1);
        await eventually(`record ${written}`, () => handed[1] === written, caseTimeoutMs / 4);
        inARow = kafka.stats().requests.Metadata === looks ? inARow + 1 : 0;
        looks = kafka.stats().requests.Metadata;
      }
      expect([handed[0], isTold()]).toEqual([1, true]);
      mend();
      await eventually('the rest', () => handed[0] === 2, caseTimeoutMs / 4);
      await eventually('it says no more', () => !isTold(), caseTimeoutMs / 2);
    },
    caseTimeoutMs,
  );
});
