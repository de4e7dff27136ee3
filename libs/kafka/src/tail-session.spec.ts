import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { silentLogger } from '@tidemark/runtime';
import { type Consumer, type ConsumerConfig } from 'kafkajs';
import { type KafkaClient } from './kafka-client.js';
import { TailSession, type TailSessionOptions } from './tail-session.js';

const nothing = (): void => undefined;

function configOf(options: Pick<TailSessionOptions, 'rackId'>): ConsumerConfig {
  const configs: ConsumerConfig[] = [];
  const consumer = { events: {}, on: () => nothing } as unknown as Consumer;
  const client = {
    consumer(config: ConsumerConfig) {
      configs.push(config);
      return consumer;
    },
  } as unknown as KafkaClient;
  new TailSession(
    { client, clock: new ManualClock(), logger: silentLogger, groupPrefix: 'g', topics: ['t'], ...options },
    { onJoin: nothing, onBatch: nothing, onNothing: nothing, onDead: nothing },
  );
  const [config] = configs;
  if (config === undefined) throw new Error('no consumer was made');
  return config;
}

describe('TailSession', () => {
  it('waits longer for records than a watermark takes to come', () => {
    expect(configOf({}).maxWaitTimeInMs).toBeGreaterThan(1_000);
  });

  it('waits less where it reads from replicas of a rack: kafkajs sleeps as long at each of the hand-overs that come every few seconds', () => {
    const { rackId, maxWaitTimeInMs } = configOf({ rackId: 'zone-a' });
    expect(rackId).toBe('zone-a');
    expect(maxWaitTimeInMs).toBeLessThanOrEqual(500);
  });
});
