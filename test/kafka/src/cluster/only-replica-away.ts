import assert from 'node:assert/strict';
import { createKafkaClient, type KafkaClient } from '@tidemark/kafka';
import { topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { type RealKafka } from '../real-kafka.mjs';
import { testLogger as logger } from '../test-logger.js';
import { type Bench, type Closers, memberOf, numberedWriter, podOf, type Write } from './numbered-readers.js';

const names = topicNames('alone');
const tables = { good: names.cdc('good'), bad: names.cdc('bad') };
const caches = { good: names.cache('good'), bad: names.cache('bad') };

/** By its place: has the only replica of the bad topics, and the last one of the others. */
const away = 2;
/** Numbers that are written meanwhile. */
const meanwhile = range(1, 21);
/** Beyond the first write after the death, which waits for the brokers to notice it. */
const writeMs = 3_000;
const readMs = 30_000;

/**
 * The broker that has the only replica of a table topic and of a cache topic dies: members and pods go on with the others, and begin with them; a
 * producer sends into them without a pause, though sends into the bad ones wait in it; and all goes on by itself when the broker is back.
 */
export async function onlyReplicaAway(cluster: RealKafka): Promise<void> {
  const closers: Closers = [];
  try {
    await play(cluster, closers);
  } finally {
    for (const close of closers.reverse()) await close();
    await cluster.restart(away);
  }
}

async function play(cluster: RealKafka, closers: Closers): Promise<void> {
  const bench = { client: createKafkaClient({ brokers: cluster.brokers, logger }), names, closers };
  await make(bench.client);
  const write = numberedWriter(bench);
  const before = await begin(bench, 'before');
  await before.pod.known;
  for (const topic of all()) await write(topic, 0);
  const [ofMember, ofPod] = [before.member, before.pod.reader];
  const haveRead = (table: string, cache: string, number: number) => () =>
    ofMember.numbers(table).includes(number) && ofPod.numbers(cache).includes(number);
  await eventually('the good ones', haveRead(tables.good, caches.good, 0), readMs);
  await eventually('the bad ones', haveRead(tables.bad, caches.bad, 0), readMs);

  await cluster.kill(away);
  let isWaiting = true;
  const waiting = Promise.all([write(tables.bad, 1), write(caches.bad, 1)]).finally(() => (isWaiting = false));
  waiting.catch(() => undefined);
  const longestMs = await writeMeanwhile(write);
  await eventually('what is written meanwhile', haveRead(tables.good, caches.good, meanwhile.at(-1) ?? 0), readMs);
  const late = await begin(bench, 'late');
  let next = meanwhile.length + 1;
  await eventually(
    'whoever begins meanwhile reads the good ones',
    async () => {
      await write(caches.good, next++);
      return late.pod.reader.numbers(caches.good).length > 0 && late.member.numbers(tables.good).length > 0;
    },
    readMs,
  );
  assert.ok(isWaiting);
  assert.ok(longestMs <= writeMs, `a write into a good topic has taken ${longestMs} ms`);

  await cluster.restart(away);
  await Promise.all([waiting, late.pod.known]);
  for (const topic of [tables.bad, caches.bad]) await write(topic, 2);
  await eventually('the bad ones again', haveRead(tables.bad, caches.bad, 2), readMs);
  await eventually('by whoever began meanwhile, too', () => isLast(2, late), readMs);
  assert.deepEqual(
    [unique(ofMember.numbers(tables.bad)), unique(ofPod.numbers(caches.bad))],
    [range(0, 3), range(0, 3)],
  );
  assert.deepEqual(unique(late.member.numbers(tables.bad)), range(0, 3));
  assert.deepEqual(
    [before, late].flatMap(({ member, pod }) => [...member.gaps, ...pod.reader.gaps]),
    [],
  );
}

async function begin(bench: Bench, who: string) {
  const member = await memberOf(bench, { id: `${names.dispatcherGroup}.${who}` }, [tables.bad, tables.good]);
  return { member, pod: await podOf(bench, { id: who }, [caches.bad, caches.good]) };
}

function isLast(number: number, { member, pod }: Awaited<ReturnType<typeof begin>>): boolean {
  return member.numbers(tables.bad).at(-1) === number && pod.reader.numbers(caches.bad).at(-1) === number;
}

/** The longest of them but the first, ms. */
async function writeMeanwhile(write: Write): Promise<number> {
  let longestMs = 0;
  for (const number of meanwhile)
    for (const topic of [tables.good, caches.good]) {
      const startedMs = performance.now();
      await write(topic, number);
      if (number !== meanwhile[0]) longestMs = Math.max(longestMs, performance.now() - startedMs);
    }
  return Math.round(longestMs);
}

async function make(client: KafkaClient): Promise<void> {
  const admin = client.admin({ retry: { retries: 8 } });
  await admin.connect();
  const good = [tables.good, caches.good, names.routes].map((topic) => ({
    topic,
    replicaAssignment: [{ partition: 0, replicas: [1, 2, away + 1] }],
  }));
  const bad = [tables.bad, caches.bad].map((topic) => ({
    topic,
    replicaAssignment: [{ partition: 0, replicas: [away + 1] }],
    configEntries: [{ name: 'min.insync.replicas', value: '1' }],
  }));
  await admin.createTopics({ waitForLeaders: true, topics: [...good, ...bad] });
  await admin.disconnect();
}

function all(): string[] {
  return [tables.good, caches.good, tables.bad, caches.bad];
}

function unique(numbers: readonly number[]): number[] {
  return [...new Set(numbers)];
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}
