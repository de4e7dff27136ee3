import { describe, expect, it } from '@jest/globals';
import { topicNames } from '@tidemark/protocol';
import { ManualClock } from '@tidemark/runtime/testing';
import { type Consumer, type ConsumerConfig } from 'kafkajs';
import { type KafkaClient } from './kafka-client.js';
import { PodFeed } from './pod-feed.js';

const nothing = (): void => undefined;
const handler = { onRoute: nothing, onBatch: nothing, onGap: nothing, onPartitions: nothing, onState: nothing };

/** Of the consumer that a feed makes, once the brokers have told of the routing topic. */
async function configOf(rack: { readonly rackId?: string }): Promise<ConsumerConfig> {
  const clock = new ManualClock();
  const made: ConsumerConfig[] = [];
  const offsets = [{ partition: 0, offset: '0', high: '0', low: '0' }];
  const admin = {
    connect: async () => undefined,
    disconnect: async () => undefined,
    fetchTopicOffsets: async () => offsets,
    fetchTopicMetadata: async () => ({ topics: [{ name: 'tidemark.routes', partitions: [{ partitionId: 0 }] }] }),
  };
  const never = (): Promise<never> => new Promise(nothing);
  const consumer = { events: {}, on: () => nothing, connect: never } as unknown as Consumer;
  const client = {
    admin: () => admin,
    consumer: (config: ConsumerConfig) => {
      made.push(config);
      return consumer;
    },
  } as unknown as KafkaClient;
  const feed = new PodFeed({ client, names: topicNames(), service: 's', podId: 'p', clock, ...rack });
  feed.open(handler).catch(nothing);
  for (let turn = 0; turn < 50 && made.length === 0; turn += 1) await clock.advance(100);
  const [config] = made;
  if (config === undefined) throw new Error('no consumer was made');
  return config;
}

describe('PodFeed', () => {
  it('waits longer for records than a watermark takes to come, and much less than it takes to call the brokers silent', async () => {
    const { maxWaitTimeInMs } = await configOf({});
    expect(maxWaitTimeInMs).toBeGreaterThan(1_100);
    expect(maxWaitTimeInMs).toBeLessThanOrEqual(1_500);
  });

  it('waits less where it reads from replicas of a rack: kafkajs sleeps as long at each of the hand-overs that come every few seconds', async () => {
    expect(await configOf({ rackId: 'zone-a' })).toMatchObject({ rackId: 'zone-a', maxWaitTimeInMs: 500 });
  });
});
