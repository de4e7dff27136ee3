import { randomBytes, randomUUID } from 'node:crypto';
import { podRegistryContract } from '@tidemark/cache/testing';
import { createKafkaClient, KafkaProducer, PodTopic } from '@tidemark/kafka';
import { type KafkaHarness } from '@tidemark/kafka/testing';
import { topicNames } from '@tidemark/protocol';
import { type ContractCase } from '@tidemark/runtime/testing';

/** The contract of the pod registry on a pods topic of its own for each case, made by whoever is first. */
export function podTopicContract(harness: KafkaHarness): readonly ContractCase[] {
  return podRegistryContract(async () => {
    const client = createKafkaClient({ brokers: harness.brokers });
    const names = topicNames(`pods-${randomBytes(6).toString('hex')}`);
    const opened: { close(): Promise<void> }[] = [];
    return {
      pod: () => {
        const producer = new KafkaProducer({ client, names });
        const topic = new PodTopic({ client, names, producer, service: 'contract', podId: randomUUID() });
        opened.push(topic, producer);
        return topic;
      },
      close: async () => {
        for (const one of opened) await one.close();
      },
    };
  });
}
