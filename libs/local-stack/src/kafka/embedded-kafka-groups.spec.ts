import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@tidemark/runtime/testing';
import { Partitioners } from 'kafkajs';
import { type EmbeddedKafka } from './embedded-kafka.js';
import { KafkaClients, type Reader } from './testing/kafka-clients.js';
import { RawClient } from './testing/raw-client.js';

let clients: KafkaClients;
let raw: RawClient | undefined;
beforeEach(() => {
  clients = new KafkaClients();
});
afterEach(async () => {
  raw?.socket.destroy();
  raw = undefined;
  await clients.close();
});

const createPartitioner = Partitioners.DefaultPartitioner;
const partitionsOf = ({ assigned }: Reader): number[] => assigned['t'] ?? [];
const shareAll = (...readers: Reader[]): boolean =>
  readers.every((reader) => partitionsOf(reader).length > 0) &&
  readers.flatMap(partitionsOf).sort().join() === '0,1,2,3';

async function brokerWithGroup(sessionTimeoutMinMs = 6_000): Promise<EmbeddedKafka> {
  const kafka = await clients.broker({ sessionTimeoutMinMs });
  await (await clients.admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 4 }] });
  return kafka;
}

describe('groups of the embedded Kafka', () => {
  it('share partitions, and share them again when a member comes or goes', async () => {
    const kafka = await brokerWithGroup();
    const first = await clients.reader(kafka, { topics: ['t'], groupId: 'g' });
    await eventually('the first has all', () => shareAll(first));
    const second = await clients.reader(kafka, { topics: ['t'], groupId: 'g' });
    await eventually('both have some', () => shareAll(first, second));
    await second.consumer.disconnect();
    await eventually('the first has all again', () => shareAll(first));
    expect(first.joins).toBe(3);
  });

  it('process every record once in all, and go on where they had committed', async () => {
    const kafka = await brokerWithGroup();
    const producer = await clients.producer(kafka, { createPartitioner });
    const send = (from: number): Promise<unknown> =>
      producer.send({
        topic: 't',
        messages: Array.from({ length: 100 }, (_, index) => ({ value: String(from + index), partition: index % 4 })),
      });
    const options = { topics: ['t'], groupId: 'g', autoCommit: true };
    const [first, second] = [await clients.reader(kafka, options), await clients.reader(kafka, options)];
    await eventually('both have some', () => shareAll(first, second));
    await send(0);
    await eventually('100 records', () => first.seen.length + second.seen.length === 100);
    await Promise.all([first.consumer.disconnect(), second.consumer.disconnect()]);
    await send(100);
    const third = await clients.reader(kafka, options);
    await eventually('the next 100 records', () => third.seen.length === 100);
    expect(third.seen.every(({ value }) => Number(value) >= 100)).toBe(true);
  });

  it('give the partitions of a member that has died to the others, and fence it off', async () => {
    const kafka = await brokerWithGroup(100);
    raw = await RawClient.open(kafka.address);
    const dead = await raw.join('g', { sessionTimeoutMs: 300, rebalanceTimeoutMs: 300 });
    expect([dead.error, await raw.sync('g', dead)]).toEqual(['NONE', 'NONE']);
    expect(await raw.commit('g', dead, 't', 0n)).toBe('NONE');
    const alive = await clients.reader(kafka, { topics: ['t'], groupId: 'g' });
    await eventually('the living has all', () => shareAll(alive));
    expect(await raw.commit('g', dead, 't', 1n)).toBe('UNKNOWN_MEMBER_ID');
    expect(await raw.heartbeat('g', dead)).toBe('UNKNOWN_MEMBER_ID');
    const admin = await clients.admin(kafka);
    const [committed] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] });
    expect(committed?.partitions.map(({ offset }) => offset)).toEqual(['0', '-1', '-1', '-1']);
  });

  it('refuse the commit of a generation that is over', async () => {
    const kafka = await brokerWithGroup();
    raw = await RawClient.open(kafka.address);
    const first = await raw.join('g', { sessionTimeoutMs: 10_000 });
    await raw.sync('g', first);
    const second = await raw.joinAs('g', first.memberId, { sessionTimeoutMs: 10_000 });
    expect([first.generation, second.generation]).toEqual([1, 2]);
    expect(await raw.commit('g', first, 't', 1n)).toBe('ILLEGAL_GENERATION');
    expect(await raw.heartbeat('g', first)).toBe('ILLEGAL_GENERATION');
    expect(await raw.sync('g', first)).toBe('ILLEGAL_GENERATION');
    expect(await raw.commit('g', second, 't', 1n)).toBe('REBALANCE_IN_PROGRESS');
    await raw.sync('g', second);
    expect(await raw.commit('g', second, 't', 1n)).toBe('NONE');
    expect(await raw.commit('g', second, 'unknown', 1n)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });

  it('are listed, described with their members, and deleted once nobody is in them', async () => {
    const kafka = await brokerWithGroup();
    const reader = await clients.reader(kafka, { topics: ['t'], groupId: 'g' });
    await eventually('it has all', () => shareAll(reader));
    const admin = await clients.admin(kafka);
    expect(await admin.listGroups()).toEqual({ groups: [{ groupId: 'g', protocolType: 'consumer' }] });
    const { groups } = await admin.describeGroups(['g', 'nobody']);
    expect(
      groups.map(({ groupId, state, protocol, members }) => [
        groupId,
        state,
        protocol,
        members.map(({ clientId }) => clientId),
      ]),
    ).toEqual([
      ['g', 'Stable', 'RoundRobinAssigner', ['spec']],
      ['nobody', 'Dead', '', []],
    ]);
    await expect(admin.deleteGroups(['g'])).rejects.toMatchObject({
      groups: [expect.objectContaining({ groupId: 'g', error: expect.objectContaining({ type: 'NON_EMPTY_GROUP' }) })],
    });
    await reader.consumer.disconnect();
    await admin.deleteGroups(['g']);
    expect(await admin.listGroups()).toEqual({ groups: [] });
    await expect(admin.deleteGroups(['g'])).rejects.toMatchObject({
      groups: [expect.objectContaining({ error: expect.objectContaining({ type: 'GROUP_ID_NOT_FOUND' }) })],
    });
  });

  it('let an operator set offsets while nobody is in them', async () => {
    const kafka = await brokerWithGroup();
    const admin = await clients.admin(kafka);
    raw = await RawClient.open(kafka.address);
    const operator = { generation: -1, memberId: '' };
    expect(await raw.commit('g', operator, 't', 7n)).toBe('NONE');
    expect(await admin.fetchOffsets({ groupId: 'g' })).toEqual([
      { topic: 't', partitions: [{ partition: 0, offset: '7', metadata: null }] },
    ]);
    const member = await raw.join('g', { sessionTimeoutMs: 10_000 });
    expect(await raw.commit('g', operator, 't', 8n)).toBe('UNKNOWN_MEMBER_ID');
    expect(await raw.leave('g', member)).toBe('NONE');
    expect(await raw.commit('g', operator, 't', 9n)).toBe('NONE');
    await admin.deleteTopics({ topics: ['t'] });
    expect(await admin.fetchOffsets({ groupId: 'g' })).toEqual([]);
  });

  it('take a member back that was kicked out, with a new id', async () => {
    const kafka = await brokerWithGroup();
    const [first, second] = await Promise.all([1, 2].map(() => clients.reader(kafka, { topics: ['t'], groupId: 'g' })));
    if (first === undefined || second === undefined) throw new Error('two readers');
    await eventually('both have some', () => shareAll(first, second));
    const joins = first.joins + second.joins;
    kafka.faults.kickMember('g');
    await eventually(
      'both have joined again',
      () => first.joins + second.joins >= joins + 2 && shareAll(first, second),
    );
    kafka.faults.expireGroup('g');
    await eventually(
      'both have joined once more',
      () => first.joins + second.joins >= joins + 4 && shareAll(first, second),
    );
    expect(() => kafka.faults.kickMember('g', 'stranger')).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS' }),
    );
    expect(() => kafka.faults.expireGroup('nobody')).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
  });

  it('wait for their coordinator while it is away', async () => {
    const kafka = await brokerWithGroup();
    const producer = await clients.producer(kafka, { createPartitioner });
    const reader = await clients.reader(kafka, { topics: ['t'], groupId: 'g', autoCommit: true });
    await eventually('it has all', () => shareAll(reader));
    const comeBack = kafka.faults.moveCoordinator();
    const refused = kafka.stats().requests.FindCoordinator;
    await producer.send({ topic: 't', messages: [{ value: 'x', partition: 0 }] });
    await eventually('it has looked for the coordinator', () => kafka.stats().requests.FindCoordinator > refused);
    comeBack();
    const admin = await clients.admin(kafka);
    await eventually('it has committed', async () => {
      const [committed] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] });
      return committed?.partitions[0]?.offset === '1';
    });
  });

  it('wait for the first members as long as the broker is told to', async () => {
    const kafka = await clients.broker({ initialRebalanceDelayMs: 150 });
    await (await clients.admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 4 }] });
    const readers = await Promise.all([1, 2, 3].map(() => clients.reader(kafka, { topics: ['t'], groupId: 'g' })));
    await eventually('all have some', () => shareAll(...readers));
    expect(readers.map(({ joins }) => joins)).toEqual([1, 1, 1]);
  });
});
