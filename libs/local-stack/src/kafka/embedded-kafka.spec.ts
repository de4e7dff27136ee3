import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@tidemark/runtime/testing';
import {
  type Admin,
  CompressionTypes,
  type Consumer,
  type EachBatchPayload,
  Kafka,
  logLevel,
  Partitioners,
  type Producer,
} from 'kafkajs';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedKafka, type EmbeddedKafkaOptions } from './embedded-kafka.js';

const undo: (() => Promise<unknown>)[] = [];
const undoLast: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  const [brokers, clients] = [undoLast.splice(0), undo.splice(0)];
  await Promise.all(clients.map((step) => step()));
  for (const step of brokers) await step();
});

async function broker(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
  const kafka = new EmbeddedKafka(options);
  await kafka.start();
  undoLast.push(() => kafka.close());
  return kafka;
}
function client(kafka: EmbeddedKafka): Kafka {
  return new Kafka({
    clientId: 'test',
    brokers: [kafka.address],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, maxRetryTime: 200, retries: 20 },
  });
}
async function admin(kafka: EmbeddedKafka): Promise<Admin> {
  const connected = client(kafka).admin();
  await connected.connect();
  undo.push(() => connected.disconnect());
  return connected;
}
async function producer(kafka: EmbeddedKafka): Promise<Producer> {
  const connected = client(kafka).producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await connected.connect();
  undo.push(() => connected.disconnect());
  return connected;
}
async function consumer(
  kafka: EmbeddedKafka,
  groupId: string,
  topic: string,
  onBatch: (payload: EachBatchPayload) => Promise<void>,
  sessionTimeout = 6_000,
): Promise<Consumer> {
  const connected = client(kafka).consumer({
    groupId,
    sessionTimeout,
    rebalanceTimeout: 1_000,
    heartbeatInterval: 100,
    maxWaitTimeInMs: 200,
    retry: { initialRetryTime: 20, maxRetryTime: 100, retries: 1e6 },
  });
  await connected.connect();
  await connected.subscribe({ topics: [topic], fromBeginning: true });
  await connected.run({ autoCommit: false, eachBatch: onBatch });
  undo.push(() => connected.disconnect());
  return connected;
}
const values = (payload: EachBatchPayload): string[] =>
  payload.batch.messages.map(({ value }) => value?.toString() ?? 'null');

describe('EmbeddedKafka', () => {
  it('hands over what was produced, in order, with headers, gzip and nulls', async () => {
    const kafka = await broker();
    await (await admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    const send = await producer(kafka);
    await send.send({ topic: 't', messages: [{ key: 'a', value: '1', headers: { tm: 'meta' } }] });
    await send.send({
      topic: 't',
      compression: CompressionTypes.GZIP,
      messages: [
        { key: 'b', value: '2' },
        { key: 'c', value: null },
      ],
    });
    const seen: string[] = [];
    const headers: (string | undefined)[] = [];
    await consumer(kafka, 'g', 't', async (payload) => {
      seen.push(...values(payload));
      headers.push(...payload.batch.messages.map((message) => message.headers?.['tm']?.toString()));
    });
    await eventually('all three arrive', () => seen.length === 3);
    expect([seen, headers[0]]).toEqual([['1', '2', 'null'], 'meta']);
  });

  it('wakes a waiting fetch at once', async () => {
    const kafka = await broker();
    await (await admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 2 }] });
    const send = await producer(kafka);
    let at = 0;
    const slow = client(kafka).consumer({ groupId: 'slow', maxWaitTimeInMs: 30_000 });
    await slow.connect();
    await slow.subscribe({ topics: ['t'], fromBeginning: true });
    await slow.run({ eachMessage: async () => void (at = performance.now()) });
    await eventually('it waits', () => kafka.stats().waitingFetches > 0);
    const sentAt = performance.now();
    await send.send({ topic: 't', messages: [{ value: 'x', partition: 1 }] });
    await eventually('it has it', () => at > 0);
    expect(at - sentAt).toBeLessThan(5_000);
    kafka.dropConnections();
    await slow.disconnect();
  });

  it('shares partitions between members, and gives those of a dead one to the others', async () => {
    const kafka = await broker();
    await (await admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 4 }] });
    const send = await producer(kafka);
    const seen = [new Set<number>(), new Set<number>()];
    const note =
      (who: number) =>
      async ({ batch, resolveOffset, commitOffsetsIfNecessary }: EachBatchPayload) => {
        seen[who]?.add(batch.partition);
        resolveOffset(batch.lastOffset());
        await commitOffsetsIfNecessary();
      };
    const first = await consumer(kafka, 'g', 't', note(0));
    await consumer(kafka, 'g', 't', note(1));
    const all = [0, 1, 2, 3].map((partition) => ({ value: 'x', partition }));
    await eventually('both have some', async () => {
      await send.send({ topic: 't', messages: all });
      return (seen[0]?.size ?? 0) > 0 && (seen[1]?.size ?? 0) > 0;
    });
    void first.stop();
    await first.disconnect();
    await eventually('the other has all', async () => {
      await send.send({ topic: 't', messages: all });
      return seen[1]?.size === 4;
    });
  });

  it('refuses the commit of a member that was given up for dead', async () => {
    const kafka = await broker();
    await (await admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    const send = await producer(kafka);
    let refused: unknown;
    let calls = 0;
    await consumer(kafka, 'g', 't', async ({ batch, resolveOffset, commitOffsetsIfNecessary }) => {
      calls += 1;
      resolveOffset(batch.lastOffset());
      if (calls > 1) return;
      kafka.expelMember('g');
      await commitOffsetsIfNecessary({ topics: [{ topic: 't', partitions: [{ partition: 0, offset: '1' }] }] }).catch(
        (error: unknown) => {
          refused = error;
          throw error;
        },
      );
    });
    await send.send({ topic: 't', messages: [{ value: 'x' }] });
    await eventually('it is handed over again', () => calls > 1);
    expect(refused).toMatchObject({ type: 'UNKNOWN_MEMBER_ID' });
  });

  it('answers offsets out of range after records were deleted, in both directions', async () => {
    const kafka = await broker();
    const control = await admin(kafka);
    await control.createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    const send = await producer(kafka);
    for (let i = 0; i < 10; i += 1) await send.send({ topic: 't', messages: [{ value: String(i) }] });
    await control.fetchTopicOffsets('t');
    await control.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset: '6' }] });
    expect(await control.fetchTopicOffsets('t')).toMatchObject([{ low: '6', high: '10' }]);
    const seen: string[] = [];
    const reader = await consumer(kafka, 'g', 't', async (payload) => void seen.push(...values(payload)));
    reader.seek({ topic: 't', partition: 0, offset: '2' });
    await eventually('it goes on at the start of the log', () => seen.includes('9'));
    expect(new Set(seen)).toEqual(new Set(['6', '7', '8', '9']));
  });

  it('keeps records, offsets and its port over a restart', async () => {
    const kafka = await broker();
    await (await admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    const send = await producer(kafka);
    const seen: string[] = [];
    await consumer(kafka, 'g', 't', async (payload) => {
      seen.push(...values(payload));
      payload.resolveOffset(payload.batch.lastOffset());
      await payload.commitOffsetsIfNecessary({
        topics: [
          { topic: 't', partitions: [{ partition: 0, offset: String(BigInt(payload.batch.lastOffset()) + 1n) }] },
        ],
      });
    });
    await send.send({ topic: 't', messages: [{ value: 'before' }] });
    await eventually('the first arrives', () => seen.includes('before'));
    const { address } = kafka;
    await kafka.stop();
    await kafka.start();
    expect(kafka.address).toBe(address);
    await send.send({ topic: 't', messages: [{ value: 'after' }] });
    await eventually('the second arrives', () => seen.includes('after'));
    expect(seen.filter((value) => value === 'before')).toHaveLength(1);
  });

  it('outlives its process with a data folder, and cuts off a torn tail', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'embedded-kafka-'));
    undoLast.push(() => rmSync(dataDir, { recursive: true, force: true }));
    const first = new EmbeddedKafka({ dataDir });
    await first.start();
    const control = client(first).admin();
    await control.connect();
    await control.createTopics({
      topics: [{ topic: 't', numPartitions: 1, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] }],
    });
    const send = client(first).producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await send.connect();
    for (const value of ['1', '2', '3']) await send.send({ topic: 't', messages: [{ key: 'k', value }] });
    const commits = client(first).consumer({ groupId: 'g', maxWaitTimeInMs: 100 });
    await commits.connect();
    await commits.subscribe({ topics: ['t'], fromBeginning: true });
    let committed = false;
    await commits.run({
      autoCommit: false,
      eachBatch: async ({ commitOffsetsIfNecessary }) => {
        await commitOffsetsIfNecessary({ topics: [{ topic: 't', partitions: [{ partition: 0, offset: '2' }] }] });
        committed = true;
      },
    });
    await eventually('an offset is committed', () => committed);
    await Promise.all([send.disconnect(), control.disconnect(), commits.disconnect()]);
    await first.close();
    const journal = join(dataDir, 'kafka.journal');
    appendFileSync(journal, Buffer.from([0, 0, 0, 9, 0, 0, 1, 0, 123]));
    const second = await broker({ dataDir });
    const again = await admin(second);
    expect(await again.fetchOffsets({ groupId: 'g', topics: ['t'] })).toMatchObject([
      { partitions: [{ partition: 0, offset: '2' }] },
    ]);
    expect(await again.fetchTopicOffsets('t')).toMatchObject([{ low: '0', high: '3' }]);
    second.compact('t');
    const seen: string[] = [];
    await consumer(second, 'other', 't', async (payload) => void seen.push(...values(payload)));
    await eventually('the last value arrives', () => seen.includes('3'));
    expect(seen).toEqual(['3']);
  });

  it('compacts to the last record of each key and keeps offsets', async () => {
    const kafka = await broker();
    await (
      await admin(kafka)
    ).createTopics({
      topics: [{ topic: 't', numPartitions: 1, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] }],
    });
    const send = await producer(kafka);
    await send.send({
      topic: 't',
      messages: [
        { key: 'a', value: 'a1' },
        { key: 'b', value: 'b1' },
        { key: 'a', value: 'a2' },
      ],
    });
    await send.send({ topic: 't', messages: [{ key: 'c', value: 'c1' }] });
    kafka.compact('t');
    const seen: string[] = [];
    await consumer(
      kafka,
      'g',
      't',
      async ({ batch }) =>
        void seen.push(...batch.messages.map(({ offset, value }) => `${offset}:${value?.toString() ?? ''}`)),
    );
    await eventually('three remain', () => seen.length >= 3);
    expect(seen).toEqual(['1:b1', '2:a2', '3:c1']);
  });

  it('drops old records by size', async () => {
    const kafka = await broker();
    const control = await admin(kafka);
    await control.createTopics({
      topics: [{ topic: 't', numPartitions: 1, configEntries: [{ name: 'retention.bytes', value: '5000' }] }],
    });
    const send = await producer(kafka);
    for (let i = 0; i < 20; i += 1) await send.send({ topic: 't', messages: [{ value: 'x'.repeat(1_000) }] });
    const [offsets] = await control.fetchTopicOffsets('t');
    expect(Number(offsets?.low)).toBeGreaterThan(10);
    expect(kafka.stats().bytes).toBeLessThanOrEqual(5_000);
  });

  it('survives its faults: errors, dropped connections, a new leader', async () => {
    const kafka = await broker();
    await (await admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    const send = await producer(kafka);
    const seen: string[] = [];
    await consumer(kafka, 'g', 't', async (payload) => void seen.push(...values(payload)));
    kafka.faults.answerError('Produce', 'NOT_LEADER_FOR_PARTITION', 2);
    kafka.faults.dropConnection('Fetch', 2);
    await send.send({ topic: 't', messages: [{ value: 'a' }] });
    await eventually('it arrives', () => seen.includes('a'));
    kafka.faults.changeLeader();
    kafka.faults.delay('Produce', 30);
    await send.send({ topic: 't', messages: [{ value: 'b' }] });
    await eventually('it arrives, too', () => seen.includes('b'));
  });

  it('says what is wrong with a topic', async () => {
    const kafka = await broker();
    const control = await admin(kafka);
    await control.createTopics({ topics: [{ topic: 't', numPartitions: 3 }] });
    await expect(control.createTopics({ topics: [{ topic: 't' }] })).resolves.toBe(false);
    await expect(control.createTopics({ topics: [{ topic: 'a b' }] })).rejects.toMatchObject({
      errors: [{ type: 'INVALID_TOPIC_EXCEPTION' }],
    });
    await expect(control.createTopics({ topics: [{ topic: 'u', replicationFactor: 3 }] })).rejects.toMatchObject({
      errors: [{ type: 'INVALID_REPLICATION_FACTOR' }],
    });
    await expect(control.fetchTopicMetadata({ topics: ['none'] })).rejects.toMatchObject({
      type: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
    await expect(
      (await producer(kafka)).send({ topic: 't', messages: [{ value: Buffer.alloc(2_000_000) }] }),
    ).rejects.toThrow();
    expect((await control.fetchTopicMetadata({ topics: ['t'] })).topics[0]?.partitions).toHaveLength(3);
  });

  it('lives through clients that hang up or send rubbish, and leaves no waiter behind', async () => {
    const kafka = await broker();
    await (await admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    const port = Number(kafka.address.split(':')[1]);
    const rubbish = [
      Buffer.from([0x7f, 0xff, 0xff, 0xff]),
      Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.concat([Buffer.from([0, 0, 0, 12]), Buffer.from([0, 99, 0, 0]), Buffer.alloc(8)]),
      Buffer.concat([
        Buffer.from([0, 0, 0, 14]),
        Buffer.from([0, 3, 0, 6]),
        Buffer.alloc(4),
        Buffer.from([0xff, 0xff]),
        Buffer.from([0x7f, 0xff, 0xff, 0xff]),
      ]),
      Buffer.from([0, 0, 0, 40, 0, 0]),
    ];
    for (const bytes of rubbish) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () =>
          socket.write(bytes, () => setImmediate(() => socket.resetAndDestroy())),
        );
        socket.on('error', () => undefined);
        socket.on('close', () => resolve());
      });
    }
    const send = await producer(kafka);
    const seen: string[] = [];
    const reader = await consumer(kafka, 'g', 't', async (payload) => void seen.push(...values(payload)));
    await send.send({ topic: 't', messages: [{ value: 'alive' }] });
    await eventually('it works on', () => seen.includes('alive'));
    await reader.disconnect();
    await eventually('nobody waits', () => kafka.stats().waitingFetches === 0);
  });

  it('serves fifty consumers', async () => {
    const kafka = await broker();
    await (await admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 2 }] });
    const seen = Array.from({ length: 50 }, () => 0);
    await Promise.all(
      seen.map((_, i) =>
        consumer(kafka, `g${i}`, 't', async ({ batch }) => void (seen[i] = (seen[i] ?? 0) + batch.messages.length)),
      ),
    );
    const send = await producer(kafka);
    await send.send({ topic: 't', messages: Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: 'x' })) });
    await eventually('each has all', () => seen.every((count) => count === 20));
  });

  it('deletes an empty group, and not one with members', async () => {
    const kafka = await broker();
    const control = await admin(kafka);
    await control.createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    const reader = await consumer(kafka, 'g', 't', async () => undefined);
    await expect(control.deleteGroups(['g'])).rejects.toMatchObject({ groups: [{ errorCode: 68 }] });
    await reader.disconnect();
    await expect(control.deleteGroups(['g'])).resolves.toMatchObject([{ groupId: 'g', errorCode: 0 }]);
  });
});
