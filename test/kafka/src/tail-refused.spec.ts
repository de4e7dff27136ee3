import { describe, expect, it } from '@jest/globals';
import { type ChangeFeedHandler } from '@tidemark/cache';
import { createKafkaClient, KafkaTopicAdmin, PodFeed, RouteTopic } from '@tidemark/kafka';
import { type Route, topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { embeddedKafka, tableTopic } from './embedded-bench.js';
import { testLogger } from './test-logger.js';

const soon = (): AbortSignal => AbortSignal.timeout(10_000);
const routeOf = (version: number): Route => ({
  ...{ table: `t${version}`, version, writerEpoch: 1, topics: { t: 1 }, deleted: false, changedAt: 1, changedBy: 'x' },
});

describe('a tail', () => {
  const { kafka, closers } = embeddedKafka();
  const fetches = (): number => kafka.stats().requests.Fetch ?? 0;

  async function refusedPod(prefix: string) {
    const table = await tableTopic(kafka, closers, prefix, 2);
    const { names, client, topic, write } = table;
    const admin = new KafkaTopicAdmin({ client, replicationFactor: 1 });
    const other = names.cdc('b');
    await admin.create(names.routes, 1, soon());
    await admin.create(other, 1, soon());
    const handed = [0, 0];
    const states: string[] = [];
    const handler: ChangeFeedHandler = {
      onRoute: () => undefined,
      onBatch: ({ partition, records }) => {
        handed[partition] = (handed[partition] ?? 0) + records.length;
      },
      onGap: () => undefined,
      onPartitions: () => undefined,
      onState: (now) => void states.push(now),
    };
    const feed = new PodFeed({ client, names, service: 's', podId: 'p', logger: testLogger });
    closers.push(() => feed.close());
    await feed.open(handler);
    await feed.tail([topic]);
    for (const partition of [0, 1]) await write(1, partition);
    await eventually('both are read', () => handed.join() === '1,1', caseTimeoutMs / 4);
    const mend = kafka.faults.breakDisk({ topic, partition: 0 });
    await write();
    await eventually('it says so', () => states.at(-1) === 'interrupted', caseTimeoutMs / 4);
    return { ...table, other, feed, handed, states, mend };
  }

  it(
    'asks for a topic of which a partition is refused no more often than it tries that partition',
    async () => {
      await refusedPod('refused-looks');
      const looks = (): number => kafka.stats().requests.ApiVersions ?? 0;
      const [fetched, looked, sinceMs] = [fetches(), looks(), performance.now()];
      await eventually('fetches', () => fetches() > fetched + 15, caseTimeoutMs / 2);
      // Each look is over a connection of its own.
      const perSecond = (looks() - looked) / ((performance.now() - sinceMs) / 1_000);
      expect(perSecond).toBeLessThan(0.9);
    },
    caseTimeoutMs,
  );

  it(
    'is not live because a new consumer has joined while something is refused',
    async () => {
      const { topic, other, feed, states, handed, write, mend } = await refusedPod('refused-join');
      const before = states.length;
      await feed.tail([topic, other]);
      await write(1, 1);
      await eventually('more', () => handed[1] === 2, caseTimeoutMs / 4);
      await write(1, 1);
      await eventually('more', () => handed[1] === 3, caseTimeoutMs / 4);
      expect(states.slice(before)).toEqual([]);
      mend();
      await eventually('the rest', () => handed[0] === 2, caseTimeoutMs / 4);
      await eventually('it is live', () => states.at(-1) === 'live', caseTimeoutMs / 4);
    },
    caseTimeoutMs,
  );

  it(
    'has all of a compacted topic again that was cut, though it was sent to its start by a broker that knows nothing of the cut',
    async () => {
      const names = topicNames('cut-unseen');
      const topicOf = (): RouteTopic => {
        const client = createKafkaClient({ brokers: [kafka.address] });
        const topic = new RouteTopic({ client, names, logger: testLogger, create: { replicationFactor: 1 } });
        closers.push(() => topic.close());
        return topic;
      };
      const [reader, heard] = [topicOf(), [] as string[]];
      const opened = async (): Promise<RouteTopic> => {
        const topic = topicOf();
        await topic.open(() => undefined);
        return topic;
      };
      const writer = await opened();
      await reader.open(
        ({ table }) => void heard.push(table),
        () => void heard.push('reset'),
      );
      for (const version of [1, 2, 3, 4, 5, 6]) await writer.append(routeOf(version), soon());
      await eventually('all', () => heard.length === 6);
      // A writer reads, too: what is answered now must be the reader's.
      await writer.close();
      const more = async (count: number): Promise<void> => {
        const before = fetches();
        await eventually('fetches', () => fetches() >= before + count);
      };
      // Asked without the epoch of what was read, from here to the next record.
      kafka.faults.answerError('Fetch', 'OFFSET_OUT_OF_RANGE');
      await more(3);
      kafka.faults.truncateFrom({ topic: names.routes, partition: 0 }, 3n);
      await more(3);
      expect(heard).toHaveLength(6);
      await (await opened()).append(routeOf(7), soon());
      await eventually('the last', () => heard.at(-1) === 't7');
      expect(heard.slice(heard.lastIndexOf('reset'))).toEqual(['reset', 't1', 't2', 't3', 't7']);
    },
    caseTimeoutMs,
  );
});
