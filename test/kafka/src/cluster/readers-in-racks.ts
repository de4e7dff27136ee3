import assert from 'node:assert/strict';
import { createKafkaClient, GroupConsumer, type KafkaClient, KafkaProducer, PodFeed } from '@tidemark/kafka';
import { topicNames } from '@tidemark/protocol';
import { systemClock, wait } from '@tidemark/runtime';
import { eventually } from '@tidemark/runtime/testing';
import { type RealKafka } from '../real-kafka.mjs';
import { testLogger as logger } from '../test-logger.js';

const names = topicNames('racks');
/** Nothing is written into `quiet` once leaders have changed, so its followers do not hear of the leaders' epoch. */
const [busy, quiet] = [names.cdc('busy'), names.cdc('quiet')];
const quietPartitions = 30;
/** By its place: leads everything at first, is restarted, and follows from then on. */
const near = 0;
const replicas = [near + 1, 2, 3];
const writeEachMs = 100;
const countedMs = 6_000;
/** Metadata is asked for by then. */
const metadataMs = 10_000;
/** Beyond what others wait at the same time: two hand-overs between leader and follower, and a follower that is late, take well below it. */
const waitsLongerMs = 4_000;
/** Beyond it: fetches that hand over from the leader to the follower, and back. */
const fetchesMore = 20;

/** Pods and members of groups that name the rack of a follower, beside the same ones without: the yardstick of what is asked, and of what is waited for. */
export async function readersInRacks(cluster: RealKafka, racks: readonly string[]): Promise<void> {
  const closers: Closers = [];
  try {
    await play(cluster, racks, closers);
  } finally {
    for (const close of closers.reverse()) await close();
    await cluster.restart(near);
  }
}

async function play(cluster: RealKafka, racks: readonly string[], closers: Closers): Promise<void> {
  const client = createKafkaClient({ brokers: cluster.brokers, logger });
  const admin = client.admin({ retry: { retries: 8 } });
  await admin.connect();
  closers.push(() => admin.disconnect());
  await make(admin);
  const load = new Load(client);
  closers.push(() => load.stop());
  for (let partition = 0; partition < quietPartitions; partition += 1) await load.write(quiet, partition);
  await load.write(busy, 0);
  await cluster.kill(near, 'SIGTERM');
  await cluster.restart(near);
  await eventually('every replica is in sync, and another broker leads', () => isWell(admin), 90_000);

  const readers: Reader[] = [];
  for (const rackId of [undefined, racks[near]])
    for (const begin of [pod, member]) readers.push(await begin(client, admin, rackId, closers));
  load.begin();
  await eventually('all read', () => readers.every(({ read }) => read.length > 0), 60_000);
  for (const reader of readers) reader.fetches = 0;
  await wait(systemClock, countedMs);
  const fetches = readers.map((reader) => reader.fetches);

  for (const reader of readers) reader.longestMs = 0;
  await cluster.kill(near, 'SIGTERM');
  await wait(systemClock, metadataMs / 2);
  await cluster.restart(near);
  await eventually('every replica is in sync again', () => isWell(admin), 90_000);
  await wait(systemClock, metadataMs);
  await load.stop();
  await eventually('all of it is read', () => readers.every(({ read }) => read.at(-1) === load.last), 60_000);
  judge(readers, fetches);
}

function judge(readers: readonly Reader[], fetches: readonly number[]): void {
  const longest = readers.map(({ longestMs }) => longestMs);
  const figures = `fetches ${fetches.join(', ')}; longest ${longest.join(', ')} ms`;
  logger.info({ figures }, 'pod, member, pod in a rack, member in a rack');
  for (const { read, gaps } of readers) {
    const numbers = [...new Set(read)];
    assert.deepEqual(gaps, []);
    assert.deepEqual(numbers, range(numbers[0] ?? 0, (numbers.at(-1) ?? 0) + 1));
  }
  for (const [plain, inRack] of [
    [0, 2],
    [1, 3],
  ] as const) {
    assert.ok((fetches[inRack] ?? Infinity) <= 2 * (fetches[plain] ?? 0) + fetchesMore, figures);
    assert.ok((longest[inRack] ?? Infinity) <= (longest[plain] ?? 0) + waitsLongerMs, figures);
  }
}

/** Numbers that were read of `busy`, and what else is known of who reads them. */
interface Reader {
  readonly read: number[];
  readonly gaps: string[];
  fetches: number;
  /** From a write to its arrival. */
  longestMs: number;
}

type Admin = ReturnType<KafkaClient['admin']>;

async function pod(client: KafkaClient, _: Admin, rackId: string | undefined, closers: Closers): Promise<Reader> {
  const reader: Reader = { read: [], gaps: [], fetches: 0, longestMs: 0 };
  const inRack = rackId === undefined ? {} : { rackId };
  const podId = `pod-${rackId ?? 'anywhere'}`;
  const feed = new PodFeed({ client: counting(client, reader), names, logger, service: 's', podId, ...inRack });
  closers.push(() => feed.close());
  await feed.open({
    ...{ onRoute: () => undefined, onPartitions: () => undefined, onState: () => undefined },
    onBatch: ({ topic, records }) => take(reader, topic, records),
    onGap: (topic, partition, reason) => void reader.gaps.push(`${topic}/${partition}: ${reason}`),
  });
  await feed.tail([busy, quiet]);
  return reader;
}

/** What it has committed is noted without an epoch, as Kafka's own tools do it: it takes that of the present leader. */
async function member(client: KafkaClient, admin: Admin, rackId: string | undefined, closers: Closers) {
  const reader: Reader = { read: [], gaps: [], fetches: 0, longestMs: 0 };
  const inRack = rackId === undefined ? {} : { rackId };
  const groupId = `${names.dispatcherGroup}.${rackId ?? 'anywhere'}`;
  for (const [topic, count] of [
    [busy, 1],
    [quiet, quietPartitions],
  ] as const) {
    const partitions = range(0, count).map((partition) => ({ partition, offset: '1' }));
    await admin.setOffsets({ groupId, topic, partitions });
  }
  const source = new GroupConsumer({ client: counting(client, reader), logger, groupId, ...inRack });
  closers.push(() => source.stop());
  await source.subscribe([busy, quiet]);
  await source.start({
    onAssigned: async () => undefined,
    onBatch: async ({ topic, partition, records, afterGap }) => {
      if (afterGap) reader.gaps.push(`${topic}/${partition}`);
      take(reader, topic, records);
      return 'commit';
    },
  });
  return reader;
}

type Closers = (() => Promise<void>)[];

function take(reader: Reader, topic: string, records: readonly { readonly value: Uint8Array | string | null }[]): void {
  for (const { value } of topic === busy ? records : []) {
    const [number, atMs] = Buffer.from(value ?? '')
      .toString()
      .split('@')
      .map(Number);
    reader.read.push(number ?? NaN);
    reader.longestMs = Math.max(reader.longestMs, Date.now() - (atMs ?? NaN));
  }
}

function counting(client: KafkaClient, reader: Reader): KafkaClient {
  return {
    ...client,
    consumer: (config) => {
      const consumer = client.consumer(config);
      consumer.on(consumer.events.REQUEST, ({ payload }) => {
        if (payload.apiName === 'Fetch') reader.fetches += 1;
      });
      return consumer;
    },
  };
}

/** Numbered records, each with the time of its writing. */
class Load {
  readonly #producer: KafkaProducer;
  #number = 0;
  #writing: Promise<void> | undefined;
  #over = false;

  constructor(client: KafkaClient) {
    this.#producer = new KafkaProducer({ client, names, publishTimeoutMs: 60_000 });
  }

  get last(): number {
    return this.#number - 1;
  }

  async write(topic: string, partition: number): Promise<void> {
    const value = Buffer.from(`${topic === busy ? this.#number++ : -1}@${Date.now()}`);
    const record = { key: 'k', value, header: 'h' };
    await this.#producer.send(topic, [{ partition, record }], new AbortController().signal);
  }

  begin(): void {
    this.#writing = this.#write();
  }

  async #write(): Promise<void> {
    while (!this.#over) {
      await this.write(busy, 0);
      await wait(systemClock, writeEachMs);
    }
  }

  /** Rejects with what a write has failed with. */
  async stop(): Promise<void> {
    this.#over = true;
    await this.#writing;
    await this.#producer.close();
  }
}

async function make(admin: Admin): Promise<void> {
  const placed = (topic: string, count: number) => ({
    topic,
    replicaAssignment: range(0, count).map((partition) => ({ partition, replicas })),
  });
  const topics = [placed(busy, 1), placed(quiet, quietPartitions), placed(names.routes, 1)];
  await admin.createTopics({ waitForLeaders: true, topics });
}

async function isWell(admin: Admin): Promise<boolean> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [busy, quiet] }).catch(() => ({ topics: [] }));
  const all = topics.flatMap(({ partitions }) => partitions);
  return (
    all.length === quietPartitions + 1 &&
    all.every(({ isr, leader }) => isr.length === replicas.length && leader !== near + 1)
  );
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}
