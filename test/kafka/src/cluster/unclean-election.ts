import assert from 'node:assert/strict';
import { createKafkaClient, GroupConsumer, type KafkaClient, KafkaProducer, PodFeed } from '@tidemark/kafka';
import { type SourceBatch } from '@tidemark/pipeline';
import { topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { type RealKafka } from '../real-kafka.mjs';
import { testLogger as logger } from '../test-logger.js';

const names = topicNames('unclean');
const noRoutes = { onRoute: () => undefined, onPartitions: () => undefined, onState: () => undefined };

/** The brokers that hold the topics, by their place; the second one loses its last records. */
const [lagging, leading] = [0, 1];

/**
 * A replica that lacks records is elected, and its log outgrows what a member has committed and a pod has read: both must read it from its start,
 * behind a gap.
 */
export async function uncleanElection(cluster: RealKafka): Promise<void> {
  const closers: (() => Promise<void>)[] = [];
  try {
    await play(cluster, closers);
  } finally {
    for (const close of closers.reverse()) await close();
    for (const broker of [lagging, leading]) await cluster.restart(broker);
  }
}

async function play(cluster: RealKafka, closers: (() => Promise<void>)[]): Promise<void> {
  const client = createKafkaClient({ brokers: cluster.brokers, logger });
  const [table, cache] = [names.cdc('a'), names.cache('a')];
  await make(client, [table, cache]);
  const producer = new KafkaProducer({ client, names, publishTimeoutMs: 60_000 });
  closers.push(() => producer.close());
  const write = async (from: number, to: number): Promise<void> => {
    for (const topic of [table, cache]) await producer.send(topic, records(from, to), new AbortController().signal);
  };
  const fed: number[] = [];
  const gaps: string[] = [];
  const feed = new PodFeed({ client, names, logger, service: 's', podId: 'p' });
  closers.push(() => feed.close());
  await feed.open({
    ...noRoutes,
    onBatch: ({ records: batch }) => void fed.push(...batch.map(({ value }) => numberOf(value))),
    onGap: (topic) => void gaps.push(topic),
  });
  await feed.tail([cache]);
  const before = await member(client, closers);
  await write(0, 10);
  await cluster.kill(lagging);
  await write(10, 20);
  await eventually('all of it', () => before.numbers().includes(19) && fed.includes(19), 60_000);
  await eventually('its commit', async () => (await committed(client, table)) === '20', 60_000);
  await before.stop();
  await cluster.kill(leading);
  await cluster.restart(lagging);
  await write(100, 130);

  const after = await member(client, closers);
  await eventually('all that is new', () => after.numbers().includes(129) && fed.includes(129), 90_000);
  const [head] = after.batches;
  assert.deepEqual([head?.firstOffset, head?.afterGap, head?.uncharted], [0n, true, false]);
  assert.deepEqual(after.numbers(), [...range(0, 10), ...range(100, 130)]);
  assert.deepEqual([...new Set(fed.filter((one) => one >= 100))], range(100, 130));
  assert.ok(gaps.includes(cache));
}

async function member(client: KafkaClient, closers: (() => Promise<void>)[]) {
  const batches: SourceBatch[] = [];
  const source = new GroupConsumer({ client, logger, groupId: names.dispatcherGroup });
  closers.push(() => source.stop());
  await source.subscribe([names.cdc('a')]);
  await source.start({
    onAssigned: async () => undefined,
    onBatch: async (batch) => {
      batches.push(batch);
      return 'commit';
    },
  });
  const numbers = (): number[] => batches.flatMap(({ records: each }) => each.map(({ value }) => numberOf(value)));
  return { batches, numbers, stop: () => source.stop() };
}

async function committed(client: KafkaClient, topic: string): Promise<string | undefined> {
  const admin = client.admin({ retry: { retries: 8 } });
  await admin.connect();
  try {
    const [of] = await admin.fetchOffsets({ groupId: names.dispatcherGroup, topics: [topic] });
    return of?.partitions[0]?.offset;
  } finally {
    await admin.disconnect();
  }
}

async function make(client: KafkaClient, topics: readonly string[]): Promise<void> {
  const admin = client.admin({ retry: { retries: 8 } });
  await admin.connect();
  const replicas = [leading + 1, lagging + 1];
  const configEntries = Object.entries({ 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' });
  const unclean = topics.map((topic) => ({
    topic,
    replicaAssignment: [{ partition: 0, replicas }],
    configEntries: configEntries.map(([name, value]) => ({ name, value })),
  }));
  const routes = { topic: names.routes, numPartitions: 1, replicationFactor: 3 };
  await admin.createTopics({ waitForLeaders: true, topics: [...unclean, routes] });
  await admin.disconnect();
}

function records(from: number, to: number) {
  return range(from, to).map((value) => ({
    partition: 0,
    record: { key: `k${value}`, value: Buffer.from(String(value)), header: 'h' },
  }));
}

function numberOf(value: Uint8Array | string | null): number {
  return Number(Buffer.from(value ?? '').toString());
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}
