import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@tidemark/runtime/testing';
import { createKafkaClient } from '@tidemark/kafka';
import { TcpProxy } from '../network/tcp-proxy.js';
import { EmbeddedKafka } from './embedded-kafka.js';
import { resolveKafkaOptions } from './embedded-kafka-options.js';
import { KafkaClients } from './testing/kafka-clients.js';

let clients: KafkaClients;
let proxy: TcpProxy;
beforeEach(async () => {
  clients = new KafkaClients();
  proxy = await TcpProxy.start();
});
afterEach(async () => {
  await clients.close();
  await proxy.close();
});

async function brokerBehindProxy(): Promise<EmbeddedKafka> {
  const kafka = await clients.broker({ listeners: [{ advertised: proxy.address }] });
  const [host = '', port = ''] = (kafka.listenerAddresses[0] ?? '').split(':');
  proxy.retarget({ host, port: Number(port) });
  return kafka;
}

/** Every client of these goes through the proxy, from its first connection on. */
const throughProxy = (): Pick<EmbeddedKafka, 'address'> => ({ address: proxy.address });

describe('further listeners of the embedded Kafka', () => {
  it('send their clients to the address that they advertise, and the main one to its own', async () => {
    const kafka = await brokerBehindProxy();
    const brokersOf = async (address: string): Promise<readonly string[]> => {
      const admin = createKafkaClient({ brokers: [address], clientId: 'spec' }).admin({});
      await admin.connect();
      const { brokers } = await admin.describeCluster();
      await admin.disconnect();
      return brokers.map(({ host, port }) => `${host}:${port}`);
    };
    expect(await brokersOf(proxy.address)).toEqual([proxy.address]);
    expect(await brokersOf(kafka.address)).toEqual([kafka.address]);
  });

  it('serve groups through their address alone', async () => {
    const kafka = await brokerBehindProxy();
    await (await clients.admin(kafka)).createTopics({ topics: [{ topic: 't', numPartitions: 2 }] });
    const reader = await clients.reader(throughProxy() as EmbeddedKafka, { topics: ['t'], groupId: 'g' });
    const producer = await clients.producer(kafka);
    await producer.send({ topic: 't', messages: [{ value: 'first' }] });
    await eventually('first', () => reader.seen.length === 1);
    proxy.stall();
    await producer.send({ topic: 't', messages: [{ value: 'second' }] });
    expect(reader.seen).toHaveLength(1);
    proxy.heal();
    await eventually('second', () => reader.seen.length === 2);
  });

  it('keep their ports over a restart', async () => {
    const kafka = await brokerBehindProxy();
    await (await clients.admin(kafka)).createTopics({ topics: [{ topic: 't' }] });
    const before = kafka.listenerAddresses;
    await kafka.stop();
    await kafka.start();
    expect(kafka.listenerAddresses).toEqual(before);
    const producer = await clients.producer(throughProxy() as EmbeddedKafka);
    const [{ errorCode } = { errorCode: -1 }] = await producer.send({ topic: 't', messages: [{ value: 'x' }] });
    expect(errorCode).toBe(0);
  });

  it('that cannot be had leave no port open behind them', async () => {
    const taken = await clients.broker();
    const port = Number(taken.address.split(':')[1]);
    const kafka = new EmbeddedKafka({ listeners: [{ port, advertised: 'proxy:1' }] });
    await expect(kafka.start()).rejects.toMatchObject({ code: 'FEED_UNAVAILABLE' });
    expect(kafka.isRunning).toBe(false);
    await taken.stop();
    await kafka.start();
    expect(kafka.listenerAddresses).toEqual([`127.0.0.1:${port}`]);
    await kafka.stop();
  });

  it.each([
    ['nowhere', 'listeners.advertised'],
    ['host:0', 'listeners.advertised'],
    ['host:65536', 'listeners.advertised'],
    [':9092', 'listeners.advertised'],
  ])('refuse to advertise %s', (advertised, option) => {
    expect(() => resolveKafkaOptions({ listeners: [{ advertised }] })).toThrow(
      new RegExp(`${option} must be host:port`),
    );
  });

  it('refuse a port that is none', () => {
    expect(() => resolveKafkaOptions({ listeners: [{ port: -1, advertised: 'host:1' }] })).toThrow(/listeners.port/);
  });
});
