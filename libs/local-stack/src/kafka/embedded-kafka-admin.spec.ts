import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigResourceTypes, Partitioners } from 'kafkajs';
import { KafkaClients } from './testing/kafka-clients.js';

let clients: KafkaClients;
beforeEach(() => {
  clients = new KafkaClients();
});
afterEach(() => clients.close());

type Admin = Awaited<ReturnType<KafkaClients['admin']>>;
const topicType = ConfigResourceTypes.TOPIC;

async function makeAdmin(autoCreateTopics = false): Promise<Admin> {
  return clients.admin(await clients.broker({ autoCreateTopics, defaultPartitions: 2 }));
}

/** The configuration that was set on a topic itself. */
async function setOn(admin: Admin, name: string): Promise<Record<string, string>> {
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: topicType, name }] });
  const set = resources[0]?.configEntries.filter(({ isDefault }) => !isDefault) ?? [];
  return Object.fromEntries(set.map(({ configName, configValue }) => [configName, configValue]));
}

const failsWith = (type: string): object => ({ errors: [expect.objectContaining({ type })] });

describe('the admin side of the embedded Kafka', () => {
  it('makes, describes, grows and deletes topics', async () => {
    const admin = await makeAdmin();
    const topics = [
      { topic: 'a', numPartitions: 3, replicationFactor: 1, configEntries: [{ name: 'retention.ms', value: '1000' }] },
      { topic: 'b' },
      { topic: 'c', replicaAssignment: [{ partition: 0, replicas: [1] }] },
    ];
    expect(await admin.createTopics({ topics })).toBe(true);
    expect(await admin.createTopics({ topics: [{ topic: 'a' }] })).toBe(false);
    const counts = async (): Promise<unknown> =>
      (await admin.fetchTopicMetadata()).topics.map(({ name, partitions }) => [name, partitions.length]).sort();
    expect(await counts()).toEqual([
      ['a', 3],
      ['b', 2],
      ['c', 1],
    ]);
    await admin.createPartitions({ topicPartitions: [{ topic: 'b', count: 4 }] });
    await expect(admin.createPartitions({ topicPartitions: [{ topic: 'b', count: 4 }] })).rejects.toMatchObject({
      type: 'INVALID_PARTITIONS',
    });
    await admin.deleteTopics({ topics: ['a'] });
    expect(await counts()).toEqual([
      ['b', 4],
      ['c', 1],
    ]);
    expect(await admin.describeCluster()).toMatchObject({ controller: 1, brokers: [{ nodeId: 1, host: '127.0.0.1' }] });
  });

  const refused: [string, object, string][] = [
    ['a name that cannot be', { topic: 'a b' }, 'INVALID_TOPIC_EXCEPTION'],
    ['two replicas', { topic: 'a', replicationFactor: 2 }, 'INVALID_REPLICATION_FACTOR'],
    ['no partition', { topic: 'a', numPartitions: 0 }, 'INVALID_PARTITIONS'],
    ['a strange configuration', { topic: 'a', configEntries: [{ name: 'speed', value: '1' }] }, 'INVALID_CONFIG'],
    [
      'a broker that is not there',
      { topic: 'a', replicaAssignment: [{ partition: 0, replicas: [2] }] },
      'INVALID_REPLICA_ASSIGNMENT',
    ],
    [
      'an assignment with a number',
      { topic: 'a', numPartitions: 1, replicaAssignment: [{ partition: 0, replicas: [1] }] },
      'INVALID_REQUEST',
    ],
  ];
  it.each(refused)('refuses %s', async (_, topic, type) => {
    const admin = await makeAdmin();
    await expect(admin.createTopics({ topics: [topic as { topic: string }] })).rejects.toMatchObject(failsWith(type));
    expect(await admin.listTopics()).toEqual([]);
  });

  it('only checks when it is told to', async () => {
    const admin = await makeAdmin();
    expect(await admin.createTopics({ topics: [{ topic: 'a' }], validateOnly: true, waitForLeaders: false })).toBe(
      true,
    );
    expect(await admin.listTopics()).toEqual([]);
  });

  it('replaces a whole configuration, and shows defaults beside what is set', async () => {
    const admin = await makeAdmin();
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'retention.ms', value: '1000' },
    ];
    await admin.createTopics({ topics: [{ topic: 'a', configEntries }] });
    expect(await setOn(admin, 'a')).toEqual({ 'cleanup.policy': 'compact', 'retention.ms': '1000' });
    const alter = (value: string): Promise<unknown> =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: topicType, name: 'a', configEntries: [{ name: 'retention.ms', value }] }],
      });
    await alter('5000');
    await expect(alter('soon')).rejects.toMatchObject({ type: 'INVALID_CONFIG' });
    expect(await setOn(admin, 'a')).toEqual({ 'retention.ms': '5000' });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: topicType, name: 'a', configNames: ['cleanup.policy', 'max.message.bytes'] }],
    });
    expect(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue])).toEqual([
      ['cleanup.policy', 'delete'],
      ['max.message.bytes', '1048588'],
    ]);
    await expect(setOn(admin, 'nothing')).rejects.toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });

  it('knows no topic that was not made, unless it is told to make them', async () => {
    const strict = await clients.broker();
    const producer = await clients.producer(strict, {
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { retries: 0 },
    });
    const sent = producer.send({ topic: 'a', messages: [{ value: 'x' }] });
    await expect(sent).rejects.toMatchObject({ cause: { type: 'UNKNOWN_TOPIC_OR_PARTITION' } });
    const lenient = await clients.broker({ autoCreateTopics: true, defaultPartitions: 3 });
    const other = await clients.producer(lenient, { createPartitioner: Partitioners.DefaultPartitioner });
    await other.send({ topic: 'a', messages: [{ value: 'x' }] });
    expect(lenient.stats()).toMatchObject({ topics: 1, partitions: 3 });
  });

  it('refuses a record that is larger than its topic allows', async () => {
    const kafka = await clients.brokerWith('t', 1, { 'max.message.bytes': '1000' });
    const producer = await clients.producer(kafka, { createPartitioner: Partitioners.DefaultPartitioner });
    const send = (length: number): Promise<unknown> =>
      producer.send({ topic: 't', messages: [{ value: 'x'.repeat(length) }] });
    await expect(send(1_000)).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' });
    await send(900);
  });

  it('deletes records up to an offset, and not beyond the end', async () => {
    const kafka = await clients.brokerWith('t');
    const producer = await clients.producer(kafka, { createPartitioner: Partitioners.DefaultPartitioner });
    await producer.send({ topic: 't', messages: [{ value: '0' }, { value: '1' }, { value: '2' }] });
    const admin = await clients.admin(kafka);
    await admin.fetchTopicOffsets('t');
    const deleteTo = (offset: string): Promise<void> =>
      admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset }] });
    await deleteTo('2');
    await deleteTo('1');
    expect(await admin.fetchTopicOffsets('t')).toMatchObject([{ low: '2', high: '3' }]);
    await expect(deleteTo('4')).rejects.toMatchObject({
      cause: { partitions: [{ error: { type: 'OFFSET_OUT_OF_RANGE' } }] },
    });
  });
});
