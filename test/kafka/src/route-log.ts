import { randomBytes } from 'node:crypto';
import { routeLogContract } from '@tidemark/control/testing';
import { createKafkaClient, KafkaProducer, RouteTopic } from '@tidemark/kafka';
import { topicNames } from '@tidemark/protocol';
import { type ContractCase } from '@tidemark/runtime/testing';

/** The contract of the routing log on real routing topics, one for each case. */
export function routeTopicContract(brokers: () => readonly string[]): readonly ContractCase[] {
  return routeLogContract(async () => {
    const client = createKafkaClient({ brokers: brokers() });
    const names = topicNames(`routes-${randomBytes(6).toString('hex')}`);
    const producer = new KafkaProducer({ client, names });
    const newLog = (): RouteTopic => new RouteTopic({ client, names, create: { replicationFactor: 1 } });
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
