import { afterEach, describe, expect, it } from '@jest/globals';
import { MetricRegistry, silentLogger } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { type Admin } from 'kafkajs';
import { type TailedTopic } from './followed-topics.js';
import { type KafkaClient } from './kafka-client.js';
import { LogTail } from './log-tail.js';
import { FakeConsumers } from './testing/fake-consumers.js';

/** How the brokers have a topic: with one partition and no records, where it is there. */
type Had = 'there' | 'absent' | 'leaderless';

/** Looks in so many ms whose distance doubles from 50 ms on, in the middle of its range. */
const [watchedMs, looksOfGrowingDelay] = [4_000, 8];

describe('LogTail, of a topic that cannot be read', () => {
  const tails: LogTail[] = [];
  afterEach(() => tails.splice(0).forEach((tail) => void tail.close()));

  function bench(had: Record<string, Had>) {
    const [brokers, clock, metrics] = [new FakeConsumers(), new ManualClock(), new MetricRegistry()];
    const counts = { looks: 0 };
    const admin = {
      connect: async () => undefined,
      disconnect: async () => undefined,
      deleteGroups: async () => [],
      fetchTopicMetadata: async ({ topics = [] }: { readonly topics?: readonly string[] } = {}) => {
        if (topics.includes('t')) counts.looks += 1;
        // Looks without a delay would leave the process to nothing else.
        if (counts.looks > 100) await new Promise(() => undefined);
        return {
          topics: topics.map((name) => ({ name, partitions: had[name] === 'absent' ? [] : [{ partitionId: 0 }] })),
        };
      },
      fetchTopicOffsets: async (topic: string) => {
        const offset = had[topic] === 'leaderless' ? '-1' : '0';
        return [{ partition: 0, offset, high: offset, low: offset }];
      },
    };
    const client: KafkaClient = { ...brokers.client, admin: () => admin as unknown as Admin };
    const nothing = (): void => undefined;
    const tail = new LogTail(
      { client, clock, metrics, logger: silentLogger, groupPrefix: 'g', random: () => 0.5 },
      { onRecords: nothing, onGap: nothing, onPartitions: nothing, onState: nothing },
    );
    tails.push(tail);
    /** Whether all of them have positions; at present it is not waited for. */
    const follow = async (...topics: readonly string[]): Promise<{ readonly isFollowed: boolean }> => {
      const followed = { isFollowed: false };
      const spec: TailedTopic = { from: 'start', compacted: true };
      void tail.follow(new Map(topics.map((topic) => [topic, spec]))).then(() => (followed.isFollowed = true), nothing);
      await settle();
      return followed;
    };
    return { brokers, clock, tail, counts, follow };
  }

  it.each([
    ['is not there', { t: 'absent' }],
    ['has no leader', { t: 'leaderless' }],
    ['is not there, beside one that is', { t: 'absent', other: 'there' }],
    ['has no leader, beside one that has', { t: 'leaderless', other: 'there' }],
  ] as const)('looks for one that %s with growing delays', async (_, had) => {
    const { clock, counts, follow } = bench(had);
    await follow(...Object.keys(had));
    await clock.advance(watchedMs);
    expect(counts.looks).toBe(looksOfGrowingDelay);
  });

  it('reads what is there beside one that is not', async () => {
    const { brokers, clock, follow } = bench({ t: 'absent', other: 'there' });
    await follow('t', 'other');
    await clock.advance(watchedMs);
    expect(brokers.made.map(({ log }) => log)).toEqual([['connected', 'joined']]);
  });

  it.each([
    ['all that is followed', ['t']],
    ['one of two', ['other', 't']],
  ] as const)('looks with growing delays for one that is deleted while it is followed: %s', async (_, topics) => {
    const had: Record<string, Had> = { t: 'there', other: 'there' };
    const { brokers, clock, counts, follow, tail } = bench(had);
    expect(await follow(...topics)).toEqual({ isFollowed: true });
    had['t'] = 'absent';
    counts.looks = 0;
    brokers.last.tell('CRASH', { error: new Error('gone'), restart: false });
    await clock.advance(watchedMs);
    // Before a consumer is begun anew, it is looked what is there.
    expect(counts.looks).toBe(1 + looksOfGrowingDelay);
    expect(tail.problem).toContain('t');
  });

  it('finds it within two seconds once it is there', async () => {
    const had: Record<string, Had> = { t: 'absent' };
    const { brokers, clock, follow } = bench(had);
    const followed = await follow('t');
    await clock.advance(30_000);
    expect(followed).toEqual({ isFollowed: false });
    had['t'] = 'there';
    await clock.advance(2_000);
    expect(followed).toEqual({ isFollowed: true });
    expect(brokers.last.log).toEqual(['connected', 'joined']);
  });

  it('looks at once for another one that is followed meanwhile', async () => {
    const { brokers, clock, follow } = bench({ t: 'absent', other: 'there' });
    await follow('t');
    await clock.advance(30_000);
    await follow('t', 'other');
    expect(brokers.last.log).toEqual(['connected', 'joined']);
  });
});
