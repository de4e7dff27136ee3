import { randomBytes, randomUUID } from 'node:crypto';
import { changeFeedContract } from '@tidemark/cache/testing';
import { createKafkaClient, KafkaProducer, KafkaTopicAdmin, PodFeed, RouteTopic } from '@tidemark/kafka';
import { type KafkaHarness } from '@tidemark/kafka/testing';
import { topicNames } from '@tidemark/protocol';
import { type ContractCase } from '@tidemark/runtime/testing';

/** The contract of the pod's feed on Kafka: the feed tails table topics here, since those are what the publisher writes. */
export function podFeedContract(harness: KafkaHarness): readonly ContractCase[] {
  return changeFeedContract(async () => {
    const { brokers, replicationFactor = 1 } = harness;
    const client = createKafkaClient({ brokers });
    const names = topicNames(`feed-${randomBytes(6).toString('hex')}`);
    const topics = new KafkaTopicAdmin({ client, replicationFactor });
    const routes = new RouteTopic({ client, names, create: { replicationFactor } });
    const signal = AbortSignal.timeout(60_000);
    await routes.open(() => undefined);
    const publisher = new KafkaProducer({ client, names });
    return {
      feed: new PodFeed({ client, names, service: 'contract', podId: randomUUID() }),
      publisher,
      topicOf: (table) => names.cdc(table),
      addTable: async (table) => {
        await topics.create(names.cdc(table), 2, signal);
        const route = { table, version: 1, writerEpoch: 1, topics: { [names.cdc(table)]: 1 }, deleted: false };
        await routes.append({ ...route, changedAt: 1, changedBy: 'contract' }, signal);
      },
      close: async () => {
        await routes.close();
        await publisher.close();
      },
    };
  });
}
