import assert from 'node:assert/strict';
import { createKafkaClient, type KafkaClient } from '@tidemark/kafka';
import { topicNames } from '@tidemark/protocol';
import { systemClock, wait } from '@tidemark/runtime';
import { eventually } from '@tidemark/runtime/testing';
import { type RealKafka } from '../real-kafka.mjs';
import { testLogger as logger } from '../test-logger.js';
import {
  type Bench,
  type Closers,
  memberOf,
  type NumberedReader,
  numberedWriter,
  podOf,
  type Write,
} from './numbered-readers.js';

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
const waitsLongerMs = 3_000;
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
  const bench = { client, names, closers };
  await make(admin);
  const write = numberedWriter(bench);
  for (const partition of range(0, quietPartitions)) await write(quiet, 0, partition);
  await write(busy, 0);
  await cluster.kill(near, 'SIGTERM');
  await cluster.restart(near);
  await eventually('every replica is in sync, and another broker leads', () => isWell(admin), 90_000);

  const readers: NumberedReader[] = [];
  for (const rackId of [undefined, racks[near]])
    readers.push(await pod(bench, rackId), await member(bench, admin, rackId));
  const load = beginLoad(write);
  await eventually('all read', () => readers.every((reader) => reader.numbers(busy).length > 0), 60_000);
  for (const reader of readers) reader.fetches = 0;
  await wait(systemClock, countedMs);
  const fetches = readers.map((reader) => reader.fetches);

  for (const reader of readers) reader.longestMs = 0;
  await cluster.kill(near, 'SIGTERM');
  await wait(systemClock, metadataMs / 2);
  await cluster.restart(near);
  await eventually('every replica is in sync again', () => isWell(admin), 90_000);
  await wait(systemClock, metadataMs);
  const last = await load.stop();
  await eventually('all of it is read', () => readers.every((reader) => reader.numbers(busy).at(-1) === last), 60_000);
  judge(readers, fetches);
}

function judge(readers: readonly NumberedReader[], fetches: readonly number[]): void {
  const longest = readers.map(({ longestMs }) => longestMs);
  const figures = `fetches ${fetches.join(', ')}; longest ${longest.join(', ')} ms`;
  logger.info({ figures }, 'pod, member, pod in a rack, member in a rack');
  for (const reader of readers) {
    const numbers = [...new Set(reader.numbers(busy))];
    assert.deepEqual(reader.gaps, []);
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

type Admin = ReturnType<KafkaClient['admin']>;

async function pod(bench: Bench, rackId: string | undefined): Promise<NumberedReader> {
  const { reader, known } = await podOf(bench, { id: `pod-${rackId ?? 'anywhere'}`, rackId }, [busy, quiet]);
  await known;
  return reader;
}

/** What its group has committed is noted without an epoch, as Kafka's own tools do it: it takes that of the present leader. */
async function member(bench: Bench, admin: Admin, rackId: string | undefined): Promise<NumberedReader> {
  const groupId = `${names.dispatcherGroup}.${rackId ?? 'anywhere'}`;
  for (const [topic, count] of Object.entries({ [busy]: 1, [quiet]: quietPartitions })) {
    const partitions = range(0, count).map((partition) => ({ partition, offset: '1' }));
    await admin.setOffsets({ groupId, topic, partitions });
  }
  return memberOf(bench, { id: groupId, rackId }, [busy, quiet]);
}

/** Numbers from 1 on, until it is stopped: then the last one. */
function beginLoad(write: Write): { stop(): Promise<number> } {
  let [last, isOver] = [0, false];
  const writing = (async () => {
    while (!isOver) {
      await write(busy, last + 1);
      last += 1;
      await wait(systemClock, writeEachMs);
    }
  })();
  writing.catch(() => undefined);
  return {
    stop: async () => {
      isOver = true;
      await writing;
      return last;
    },
  };
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
