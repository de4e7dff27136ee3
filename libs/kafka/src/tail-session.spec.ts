import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { silentLogger } from '@tidemark/runtime';
import { type Consumer, type ConsumerConfig } from 'kafkajs';
import { type FetchPlaces } from './fetch-places.js';
import { type KafkaClient } from './kafka-client.js';
import { TailSession, type TailSessionOptions } from './tail-session.js';

const nothing = (): void => undefined;
const places: FetchPlaces = {
  of: nothing as () => undefined,
  onRefused: nothing,
  onRecords: nothing,
  idle: () => Promise.resolve(),
};

function configOf(options: Pick<TailSessionOptions, 'rackId' | 'fetchWaitMs'>): ConsumerConfig {
  const configs: ConsumerConfig[] = [];
  const consumer = { events: {}, on: () => nothing } as unknown as Consumer;
  const client = {
    consumer(config: ConsumerConfig) {
      configs.push(config);
      return consumer;
    },
  } as unknown as KafkaClient;
  new TailSession(
    { client, clock: new ManualClock(), logger: silentLogger, groupPrefix: 'g', topics: ['t'], places, ...options },
    { onJoin: nothing, onBatch: nothing, onNothing: nothing, onDead: nothing },
  );
  const [config] = configs;
  if (config === undefined) throw new Error('no consumer was made');
  return config;
}

describe('TailSession', () => {
  it('waits for records as long as it is told, else half a second', () => {
    expect(configOf({}).maxWaitTimeInMs).toBe(500);
    expect(configOf({ fetchWaitMs: 1_500, rackId: 'zone-a' })).toMatchObject({
      rackId: 'zone-a',
      maxWaitTimeInMs: 1_500,
    });
  });
});
