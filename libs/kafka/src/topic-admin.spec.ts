import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { type Admin } from 'kafkajs';
import { createTopic } from './topic-admin.js';

const unknown = Object.assign(new Error('not here'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });
const known = { topics: [{ name: 'new', partitions: [{}, {}] }] };

/** A broker that hears of topics only after so many questions, and what it was asked. */
function lateBroker(questions: number, failure: Error = unknown): { admin: Admin; asked: () => number } {
  let asked = 0;
  const admin = {
    createTopics: () => Promise.reject(failure),
    fetchTopicMetadata: () => {
      asked += 1;
      return asked > questions ? Promise.resolve(known) : Promise.reject(unknown);
    },
  };
  return { admin: admin as unknown as Admin, asked: () => asked };
}

describe('createTopic', () => {
  it('waits for a broker that has not heard of what the controller has made', async () => {
    const clock = new ManualClock();
    const { admin, asked } = lateBroker(2);
    let isMade = false;
    const made = createTopic(admin, 'new', 2, { replicationFactor: 1 }, clock).then(() => (isMade = true));
    await settle();
    await clock.advance(100);
    expect([asked(), isMade]).toEqual([2, false]);
    await clock.advance(100);
    await made;
    expect(asked()).toBe(3);
  });

  it('waits for such a broker five seconds at most', async () => {
    const clock = new ManualClock();
    const { admin, asked } = lateBroker(Infinity);
    const made = createTopic(admin, 'new', 2, { replicationFactor: 1 }, clock);
    await clock.advance(5_000);
    await made;
    expect(asked()).toBe(50);
  });

  it('fails as the brokers do otherwise', async () => {
    const { admin, asked } = lateBroker(0, new Error('no room'));
    await expect(createTopic(admin, 'new', 2, { replicationFactor: 1 }, new ManualClock())).rejects.toThrow('no room');
    expect(asked()).toBe(0);
  });

  it('says of which topic the brokers refuse what, and what was asked of them', async () => {
    const refusal = Object.assign(new Error('Replication-factor is invalid'), { type: 'INVALID_REPLICATION_FACTOR' });
    const { admin } = lateBroker(0, Object.assign(new Error('Topic creation errors'), { errors: [refusal] }));
    await expect(createTopic(admin, 'new', 2, { replicationFactor: 3 }, new ManualClock())).rejects.toMatchObject({
      code: 'FEED_UNAVAILABLE',
      retriable: true,
      message:
        'kafka: could not make new: Replication-factor is invalid (INVALID_REPLICATION_FACTOR): wanted 3 copies (TIDEMARK_TOPIC_REPLICATION_FACTOR)',
    });
  });
});
