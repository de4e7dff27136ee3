import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@tidemark/runtime/testing';
import { Partitioners } from 'kafkajs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedKafka } from './embedded-kafka.js';
import { KafkaClients } from './testing/kafka-clients.js';

let clients: KafkaClients;
let folder = '';
beforeEach(() => {
  clients = new KafkaClients();
  folder = mkdtempSync(join(tmpdir(), 'embedded-kafka-'));
});
afterEach(async () => {
  await clients.close();
  rmSync(folder, { recursive: true });
});

const createPartitioner = Partitioners.DefaultPartitioner;

describe('a restart of the embedded Kafka', () => {
  it.each(['stop', 'kill'] as const)('after %s keeps port, records, offsets and the members of groups', async (how) => {
    const kafka = await clients.brokerWith('t', 2);
    const producer = await clients.producer(kafka, { createPartitioner });
    const reader = await clients.reader(kafka, { topics: ['t'], groupId: 'g', autoCommit: true });
    const send = (value: string): Promise<unknown> =>
      producer.send({ topic: 't', messages: [{ value, partition: 0 }] });
    await send('before');
    await eventually('the record', () => reader.seen.length === 1);
    const admin = await clients.admin(kafka);
    const committed = async (): Promise<string | undefined> =>
      (await admin.fetchOffsets({ groupId: 'g', topics: ['t'] }))[0]?.partitions.find(
        ({ partition }) => partition === 0,
      )?.offset;
    await eventually('the commit', async () => (await committed()) === '1');
    const { address } = kafka;
    await kafka[how]();
    expect([kafka.isRunning, kafka.stats().connections]).toEqual([false, 0]);
    const sending = send('after');
    await kafka.start();
    await sending;
    await eventually('the next record', () => reader.seen.length === 2);
    expect([kafka.address, reader.seen.map(({ value }) => value), reader.joins]).toEqual([
      address,
      ['before', 'after'],
      1,
    ]);
    await eventually('the next commit', async () => (await committed()) === '2');
  });

  it('loses nothing that was acknowledged when it is killed over and over', async () => {
    const kafka = await clients.brokerWith('t');
    const producer = await clients.producer(kafka, { createPartitioner });
    const reader = await clients.reader(kafka, { topics: ['t'], groupId: 'g' });
    for (let round = 0; round < 6; round += 1) {
      const sends = [0, 1, 2].map((each) => producer.send({ topic: 't', messages: [{ value: `${round}.${each}` }] }));
      if (round % 2 === 0) {
        kafka.kill();
        await kafka.start();
      }
      await Promise.all(sends);
    }
    await eventually('all 18', () => new Set(reader.seen.map(({ value }) => value)).size === 18);
  }, 20_000);

  it('outlives its process with a data folder: what was acknowledged is there', async () => {
    const first = await clients.broker({ dataDir: folder });
    await (await clients.admin(first)).createTopics({ topics: [{ topic: 't', numPartitions: 2 }] });
    const producer = await clients.producer(first, { createPartitioner });
    await producer.send({ topic: 't', messages: [{ key: 'a', value: '1', partition: 0 }] });
    await producer.send({ topic: 't', messages: [{ key: 'b', value: '2', partition: 1 }] });
    const reader = await clients.reader(first, { topics: ['t'], groupId: 'g', autoCommit: true });
    await eventually('both', () => reader.seen.length === 2);
    await reader.consumer.disconnect();
    first.kill();
    const second = await clients.broker({ dataDir: folder });
    await (
      await clients.producer(second, { createPartitioner })
    ).send({ topic: 't', messages: [{ key: 'c', value: '3', partition: 0 }] });
    const goesOn = await clients.reader(second, { topics: ['t'], groupId: 'g' });
    const fromStart = await clients.reader(second, { topics: ['t'] });
    await eventually('all is read', () => goesOn.seen.length >= 1 && fromStart.seen.length >= 3);
    expect(goesOn.seen.map(({ key, offset }) => [key, offset])).toEqual([['c', '1']]);
    expect(fromStart.seen.map(({ key }) => key).sort()).toEqual(['a', 'b', 'c']);
  });

  it('can be stopped and started in any order', async () => {
    const kafka = new EmbeddedKafka();
    await kafka.stop();
    kafka.kill();
    await Promise.all([kafka.start(), kafka.start()]);
    await kafka.start();
    kafka.kill();
    await kafka.start();
    expect(kafka.isRunning).toBe(true);
    await Promise.all([kafka.stop(), kafka.stop()]);
    const starting = kafka.start();
    kafka.kill();
    await expect(starting).rejects.toMatchObject({ code: 'ABORTED' });
    await kafka.stop();
    expect(kafka.isRunning).toBe(false);
  });
});
