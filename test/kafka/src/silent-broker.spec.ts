import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createKafkaClient, GroupConsumer, KafkaProducer, KafkaTopicAdmin, RouteTopic } from '@tidemark/kafka';
import { type Route, topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { embeddedKafka } from './embedded-bench.js';
import { testLogger } from './test-logger.js';

const signal = new AbortController().signal;

/** As a broker's process that is stopped: the kernel takes connections for it, and nobody answers. */
async function silentBroker(): Promise<{ readonly address: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a broker that takes connections and answers nothing, named first of two', () => {
  const { kafka, closers } = embeddedKafka();
  const kept = <T>(made: T, close: (made: T) => Promise<void>): T => {
    closers.push(() => close(made));
    return made;
  };

  it(
    'keeps nobody from the other: routes are read to their end, a group is joined, records are written and handled',
    async () => {
      const silent = await silentBroker();
      closers.push(() => silent.close());
      const brokers = [silent.address, kafka.address];
      // Ten seconds as processes have it.
      const client = createKafkaClient({ brokers, requestTimeoutMs: 1_000 });
      const names = topicNames('silent');
      const admin = new KafkaTopicAdmin({
        client: createKafkaClient({ brokers: [kafka.address] }),
        replicationFactor: 1,
      });
      await admin.create(names.cdc('a'), 1, signal);
      const create = { replicationFactor: 1 };
      const routes = kept(new RouteTopic({ client, names, create, logger: testLogger }), (made) => made.close());
      const read: Route[] = [];
      await routes.open((route) => read.push(route));
      const route = {
        table: 'a',
        version: 1,
        writerEpoch: 1,
        topics: { t: 1 },
        deleted: false,
        changedAt: 0,
        changedBy: 'test',
      };
      await routes.append(route, signal);
      for (let round = 0; round < 3; round += 1) await routes.barrier(signal);
      expect(read).toMatchObject([route]);

      const source = kept(new GroupConsumer({ client, groupId: names.dispatcherGroup, logger: testLogger }), (made) =>
        made.stop(),
      );
      let handled = 0;
      await source.subscribe([names.cdc('a')]);
      await source.start({
        onAssigned: async () => undefined,
        onBatch: async ({ records }) => {
          handled += records.length;
          return 'commit';
        },
      });
      const producer = kept(new KafkaProducer({ client, names }), (made) => made.close());
      await producer.send(names.cdc('a'), [{ partition: 0, record: { key: 'k', value: null, header: 'h' } }], signal);
      await eventually('it is handled', () => handled === 1);
    },
    caseTimeoutMs,
  );
});
