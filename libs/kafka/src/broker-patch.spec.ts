/// <reference types="./kafkajs-internals.d.ts" />
import { beforeAll, describe, expect, it } from '@jest/globals';
import Broker from 'kafkajs/src/broker/index.js';
import { patchBroker } from './broker-patch.js';

const nothing = (): void => undefined;
const logger = { namespace: () => ({ debug: nothing, info: nothing, warn: nothing, error: nothing }) };

function brokerThatFailsWith(error: Error): { broker: Broker; log: string[] } {
  const log: string[] = [];
  const connectionPool = {
    isConnected: () => false,
    getConnection: async () => log.push('connected'),
    send: async () => {
      throw error;
    },
    destroy: async () => void log.push('ended'),
  };
  return { broker: new Broker({ connectionPool, logger }), log };
}

const named = (name: string): Error => Object.assign(new Error('ApiVersions'), { name, retriable: true });

describe('patchBroker', () => {
  beforeAll(() => {
    patchBroker();
    patchBroker();
  });

  it('ends a connection over which nothing is answered, and tells of one that could not be made', async () => {
    const { broker, log } = brokerThatFailsWith(named('KafkaJSRequestTimeoutError'));
    const unreachable = { name: 'KafkaJSConnectionError', retriable: true, message: 'Connection error: ApiVersions' };
    await expect(broker.connect()).rejects.toMatchObject(unreachable);
    expect(log).toEqual(['connected', 'ended']);
  });

  it('tells of other failures as kafkajs does', async () => {
    const { broker, log } = brokerThatFailsWith(named('KafkaJSProtocolError'));
    await expect(broker.connect()).rejects.toMatchObject({ name: 'KafkaJSProtocolError' });
    expect(log).toEqual(['connected']);
  });
});
