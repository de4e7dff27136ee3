import { describe, expect, it } from '@jest/globals';
import { GroupConsumer } from '@tidemark/kafka';
import { type SourceBatch } from '@tidemark/pipeline';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { embeddedKafka, tableTopic } from './embedded-bench.js';
import { testLogger } from './test-logger.js';

/**
 * What a broker's death looks like to a member: it is asked to join again, and the join fails, for the next coordinator is loading the group, or dies
 * as well. After that the group may be stable with the member as it was, and nobody asks again.
 */
describe('a member whose group is in motion', () => {
  const { kafka, closers } = embeddedKafka();

  async function bench(prefix: string) {
    const { names, client, topic, write } = await tableTopic(kafka, closers, prefix);
    const batches: SourceBatch[] = [];
    let assignments = 0;
    const source = new GroupConsumer({ client, logger: testLogger, groupId: names.dispatcherGroup });
    closers.push(() => source.stop());
    await source.subscribe([topic]);
    await source.start({
      onAssigned: async () => void (assignments += 1),
      onBatch: async (batch) => {
        batches.push(batch);
        return 'commit';
      },
    });
    const admin = client.admin({});
    await admin.connect();
    closers.push(() => admin.disconnect());
    await write();
    await eventually('the first is committed', async () => {
      const [committed] = await admin.fetchOffsets({ groupId: names.dispatcherGroup, topics: [topic] });
      return committed?.partitions[0]?.offset === '1';
    });
    return { write, batches, assignments: () => assignments };
  }

  const join = kafka.faults;
  it.each([
    [
      'known',
      'is loading its groups',
      'REBALANCE_IN_PROGRESS',
      () => join.answerError('JoinGroup', 'COORDINATOR_LOAD_IN_PROGRESS'),
    ],
    ['known', 'dies', 'NOT_COORDINATOR', () => join.dropConnection('JoinGroup')],
    ['not known any more', 'dies', 'UNKNOWN_MEMBER_ID', () => join.dropConnection('JoinGroup')],
    ['known', 'dies once it has answered the join', 'REBALANCE_IN_PROGRESS', () => join.dropConnection('SyncGroup')],
  ] as const)(
    'goes on where it stood, though its join fails: it is %s, and the coordinator %s (%s)',
    async (_known, _how, heartbeat, failJoin) => {
      const { write, batches, assignments } = await bench(`failed-${Math.random().toString(36).slice(2)}`);
      failJoin();
      kafka.faults.answerError('Heartbeat', heartbeat);
      await eventually('another assignment', () => assignments() === 2, 12_000);
      await write();
      await eventually('what comes later', () => batches.length === 2);
      expect(batches.map(({ firstOffset, afterGap }) => [firstOffset, afterGap])).toEqual([
        [0n, false],
        [1n, false],
      ]);
    },
    caseTimeoutMs,
  );

  it.each([
    ['goes on behind what it has handled and could not commit', 'REBALANCE_IN_PROGRESS', [2]],
    ['is handed over again what it could not commit, where the group had given it up', 'UNKNOWN_MEMBER_ID', [1, 2]],
  ] as const)(
    '%s (%s)',
    async (_what, error, handedOver) => {
      const { write, batches, assignments } = await bench(`uncommitted-${error.toLowerCase()}`);
      kafka.faults.answerError('OffsetCommit', error);
      await write();
      await eventually('the second', () => batches.length === 2);
      await write();
      await eventually('another assignment', () => assignments() === 2);
      await eventually('the third', () => batches.at(-1)?.nextOffset === 3n);
      const later = batches.slice(2);
      expect([...new Set(later.flatMap(({ records }) => records.map(({ src }) => src)))]).toEqual(handedOver);
    },
    caseTimeoutMs,
  );
});
