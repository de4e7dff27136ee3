import { describe, expect, it } from '@jest/globals';
import { type ChangeFeedHandler } from '@tidemark/cache';
import { KafkaTopicAdmin, PodFeed } from '@tidemark/kafka';
import { eventually, recordingLogger } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { embeddedKafka, tableTopic } from './embedded-bench.js';

describe('a topic that is not there', () => {
  const { kafka, closers } = embeddedKafka();

  async function bench(prefix: string) {
    const { names, client, topic, write } = await tableTopic(kafka, closers, prefix);
    const admin = new KafkaTopicAdmin({ client, replicationFactor: 1 });
    const create = (name: string): Promise<void> => admin.create(name, 1, AbortSignal.timeout(10_000));
    await create(names.routes);
    let read = 0;
    const handler: ChangeFeedHandler = {
      onRoute: () => undefined,
      onBatch: ({ records }) => void (read += records.length),
      onGap: () => undefined,
      onPartitions: () => undefined,
      onState: () => undefined,
    };
    const logger = recordingLogger();
    const feed = new PodFeed({ client, names, service: 's', podId: 'p', logger });
    closers.push(() => feed.close());
    await feed.open(handler);
    /** Ten records in a row, of the other topic, are read while no topic is looked for. */
    const tenWithoutLook = async (): Promise<void> => {
      for (let [inARow, looks] = [0, 0]; inARow < 10;) {
        const next = read + 1;
        await write();
        await eventually(`record ${next}`, () => read === next, caseTimeoutMs / 4);
        inARow = kafka.stats().requests.Metadata === looks ? inARow + 1 : 0;
        looks = kafka.stats().requests.Metadata;
      }
    };
    const isMissed = (): boolean => logger.lines.some(({ message }) => message.includes('a topic that is not there'));
    return { client, feed, topic, create, tenWithoutLook, isMissed, absent: names.cdc('b') };
  }

  it(
    'is looked for now and then by a pod, which reads what is there, and found once it is',
    async () => {
      const { feed, topic, create, tenWithoutLook, absent } = await bench('absent-topic');
      await feed.tail([topic]);
      let isFollowed = false;
      const followed = feed.tail([topic, absent]).then(() => (isFollowed = true));
      await tenWithoutLook();
      expect(isFollowed).toBe(false);
      await create(absent);
      await followed;
    },
    caseTimeoutMs,
  );

  it(
    'is looked for now and then where it was deleted while it was read',
    async () => {
      const { client, feed, topic, create, tenWithoutLook, isMissed, absent } = await bench('deleted-topic');
      await create(absent);
      await feed.tail([topic, absent]);
      const admin = client.admin({});
      await admin.connect();
      closers.push(() => admin.disconnect());
      await admin.deleteTopics({ topics: [absent] });
      await eventually('it is noticed', isMissed, caseTimeoutMs / 4);
      await tenWithoutLook();
    },
    caseTimeoutMs,
  );
});
