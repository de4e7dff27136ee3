import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { type KafkaClient } from './kafka-client.js';
import { PartitionCounts } from './partition-counts.js';

function bench() {
  const clock = new ManualClock();
  const asked: string[] = [];
  let answer: () => Promise<number> = async () => 4;
  const client = {
    admin: () => ({
      connect: async () => undefined,
      disconnect: async () => undefined,
      fetchTopicMetadata: async ({ topics: [name = ''] }: { readonly topics: readonly string[] }) => {
        asked.push(name);
        return { topics: [{ name, partitions: Array.from({ length: await answer() }, () => ({})) }] };
      },
    }),
  } as unknown as KafkaClient;
  const counts = new PartitionCounts({ client, clock, maxAgeMs: 1_000, topicsMax: 10, random: () => 0.5 });
  return { clock, asked, counts, answerBy: (by: () => Promise<number>) => (answer = by) };
}

it('makes a topic anew with as many partitions as it had when it was last there', async () => {
  const made: number[] = [];
  let present = true;
  const admin = {
    connect: async () => undefined,
    disconnect: async () => undefined,
    fetchTopicMetadata: async ({ topics: [name = ''] }: { readonly topics: readonly string[] }) => {
      if (!present) throw Object.assign(new Error('no such topic'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });
      return { topics: [{ name, partitions: Array.from({ length: 12 }, () => ({})) }] };
    },
    createTopics: async ({ topics }: { readonly topics: readonly { readonly numPartitions: number }[] }) => {
      made.push(...topics.map(({ numPartitions }) => numPartitions));
      return true;
    },
  };
  const client = { admin: () => admin } as unknown as KafkaClient;
  const createTopics = { partitions: 4, replicationFactor: 1 };
  const options = { client, clock: new ManualClock(), createTopics, maxAgeMs: 0, topicsMax: 10, random: () => 0.5 };
  const counts = new PartitionCounts(options);
  expect(await counts.of('t')).toBe(12);
  present = false;
  expect([await counts.of('t'), await counts.of('u'), made]).toEqual([12, 4, [12, 4]]);
});

const silent = (): Promise<number> => new Promise(() => undefined);
const refused = async (): Promise<number> => {
  throw new Error('connect ECONNREFUSED');
};

describe('PartitionCounts', () => {
  it('asks once for all who wait, and again when the answer is old', async () => {
    const { clock, asked, counts } = bench();
    expect(await Promise.all([counts.of('t'), counts.of('t')])).toEqual([4, 4]);
    expect(asked).toEqual(['t']);
    await clock.advance(1_000);
    await counts.of('t');
    expect(asked).toEqual(['t', 't']);
  });

  it.each([
    ['the brokers refuse connections', refused],
    ['the brokers are silent', silent],
  ])('asks nothing more once it is closed, while %s, and tells whoever waits', async (_what, answer) => {
    const { clock, asked, counts, answerBy } = bench();
    answerBy(answer);
    const failed = expect(counts.untilKnown('t', Infinity)).rejects.toMatchObject({ code: 'CLOSED' });
    await clock.advance(300);
    counts.close();
    const before = asked.length;
    expect(before).toBeGreaterThan(0);
    await settle();
    await failed;
    await clock.advance(60_000);
    await expect(counts.of('u')).rejects.toMatchObject({ code: 'CLOSED' });
    expect([asked.length, clock.pending]).toEqual([before, 0]);
  });
});
