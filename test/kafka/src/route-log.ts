import { randomBytes } from 'node:crypto';
import { routeLogContract } from '@tidemark/control/testing';
import { createKafkaClient, KafkaProducer, RouteTopic } from '@tidemark/kafka';
import { type KafkaHarness } from '@tidemark/kafka/testing';
import { topicNames } from '@tidemark/protocol';
import { type ContractCase } from '@tidemark/runtime/testing';

/** The contract of the routing log on real routing topics, one for each case. */
export function routeTopicContract(harness: KafkaHarness): readonly ContractCase[] {
  return routeLogContract(async () => {
    const { brokers, replicationFactor = 1 } = harness;
    const client = createKafkaClient({ brokers });
    const names = topicNames(`routes-${randomBytes(6).toString('hex')}`);
    const producer = new KafkaProducer({ client, names });
    const newLog = (): RouteTopic => new RouteTopic({ client, names, create: { replicationFactor } });
    return {
      newLog,
      writeRaw: async (table, bytes) => {
        const value = bytes === null ? null : Buffer.from(bytes, 'utf8');
        const record = { key: table, value, header: null };
        await producer.send(names.routes, [{ partition: 0, record }], AbortSignal.timeout(20_000));
      },
      dispose: () => producer.close(),
    };
  });
}
