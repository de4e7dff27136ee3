import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { atLast } from './at-last.js';
import { divergent, type Pod, startPods } from './random-load.js';
import { root } from './run-command.js';

jest.setTimeout(180_000);

const region = 'us-east-1';
const names = topicNames();
const [table, wide] = ['things', names.cache('things-8')];
const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);

let stack: LocalStack;
let pods: readonly Pod[];
let brokers: Admin;
let admin: ChildProcess;
let url = '';

beforeAll(async () => {
  stack = await startLocalStack({ regions: [region], tables: [table] });
  pods = await startPods(stack, 2);
  const addresses = [...stack.region(region).kafka.brokers];
  brokers = new Kafka({ brokers: addresses, clientId: 'operator', logLevel: logLevel.NOTHING }).admin();
  await brokers.connect();
  admin = spawn(process.execPath, ['apps/admin/dist/main.js'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'] ?? '',
      TIDEMARK_REGION: region,
      TIDEMARK_KAFKA_BROKERS: addresses.join(','),
      TIDEMARK_TOPIC_REPLICATION_FACTOR: '1',
      TIDEMARK_HTTP_PORT: '0',
    },
  });
  let output = '';
  admin.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
    url ||= /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? '';
  });
  const leads = async (): Promise<boolean> => url !== '' && (await fetch(`${url}/health/leader`)).status === 200;
  await eventually('an admin takes changes', leads, 60_000);
});

afterAll(async () => {
  if (admin?.kill('SIGKILL')) await once(admin, 'exit');
  await brokers?.disconnect();
  await Promise.all((pods ?? []).map(({ tidemark }) => tidemark.close()));
  await stack?.stop();
});

/** The table's topics from now on, all of which must be alike. */
async function route(version: number, topic: string): Promise<number> {
  const response = await fetch(`${url}/api/v1/routes/${table}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', 'if-match': `"${version}"` },
    body: JSON.stringify({ topics: [topic] }),
  });
  await response.arrayBuffer();
  return response.status;
}

/** The second pod holds what it can of the keys, and the first writes them. */
async function write(n: number): Promise<void> {
  for (const key of keys) {
    await atLast(`${key} is read`, async () => [undefined, n - 1].includes((await pods[1]?.cache.get(key))?.n));
    await atLast(`${key} is written`, async () => (await pods[0]?.cache.put(key, { n }))?.applied);
  }
}

/** Everything written before the call has come to both pods, and nothing that they hold is another value than the table's. */
async function nothingIsLost(n: number): Promise<void> {
  const now = Date.now();
  const caughtUp = (): boolean => pods.every(({ cache }) => Date.now() - cache.staleness() >= now);
  await eventually('both pods have caught up', caughtUp, 60_000);
  for (const { cache } of pods)
    for (const key of keys) await atLast(`${key} is ${n}`, async () => (await cache.get(key))?.n === n);
  expect(await divergent(stack, pods, keys)).toEqual([]);
}

/** Records in each partition of a topic, by partition. */
async function lengths(topic: string): Promise<readonly number[]> {
  const offsets = await brokers.fetchTopicOffsets(topic);
  return offsets.sort((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset));
}

/** Whether dispatchers wait for the table's topics to agree. */
function isHeld(): boolean {
  return JSON.stringify(stack.health()).includes(`"heldTables":{"${table}"`);
}

describe('a table that outgrows its topics', () => {
  it('gets more partitions as docs/operating/README.md says: no change is lost, and pods follow the new topic', async () => {
    await write(1);
    await nothingIsLost(1);
    await brokers.createTopics({ topics: [{ topic: wide, numPartitions: 8 }] });
    await eventually('a wider topic is refused before', async () => (await route(1, wide)) === 422, 30_000);

    await stack.kill(region, 'sync');
    await write(2);
    await brokers.createPartitions({ topicPartitions: [{ topic: names.cdc(table), count: 8 }] });
    await eventually('dispatchers hold the table', isHeld, 60_000);
    await eventually('it is taken now', async () => (await route(1, wide)) === 200, 30_000);
    await stack.restart(region, 'sync');
    await nothingIsLost(2);
    expect(isHeld()).toBe(false);

    const before = await lengths(wide);
    expect(before).toHaveLength(8);
    await write(3);
    await nothingIsLost(3);
    const after = await lengths(wide);
    expect(after.every((length, partition) => length > (before[partition] ?? 0))).toBe(true);
  });
});
