import { describe, expect, it } from '@jest/globals';
import { GroupConsumer } from '@tidemark/kafka';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { embeddedKafka, tableTopic } from './embedded-bench.js';
import { testLogger } from './test-logger.js';

describe('a member whose coordinator cannot be reached', () => {
  const { kafka, closers } = embeddedKafka();

  async function member(prefix: string) {
    const { names, client, topic, write } = await tableTopic(kafka, closers, prefix);
    let [handled, assigned] = [0, 0];
    const source = new GroupConsumer({ client, logger: testLogger, groupId: names.dispatcherGroup });
    await source.subscribe([topic]);
    await source.start({
      onAssigned: async () => void (assigned += 1),
      onBatch: async ({ records }) => {
        handled += records.length;
        return 'commit';
      },
    });
    await write(5);
    await eventually('all', () => handled === 5);
    return { source, write, handled: () => handled, assigned: () => assigned };
  }

  const looks = (): number => kafka.stats().requests.FindCoordinator ?? 0;

  // First: kafkajs ends its own look with the next attempt, a moment after the member has ended.
  it(
    'leaves no connection where it ends while it looks',
    async () => {
      const { source } = await member('ends-meanwhile');
      for (const close of closers.splice(0).reverse()) await close();
      const before = looks();
      kafka.faults.answerError('FindCoordinator', 'COORDINATOR_NOT_AVAILABLE', 1_000);
      kafka.faults.dropConnection('Heartbeat', 1_000);
      await eventually('a look', () => looks() > before);
      await source.stop();
      kafka.faults.clear();
      await eventually('no connection', () => kafka.stats().connections === 0);
    },
    caseTimeoutMs,
  );

  it(
    'finds it again, and goes on without joining anew',
    async () => {
      const { source, write, handled, assigned } = await member('found-again');
      closers.push(() => source.stop());
      const before = looks();
      kafka.faults.dropConnection('Heartbeat', 2);
      await eventually('a look', () => looks() > before);
      await write(5);
      await eventually('what comes later', () => handled() === 10);
      await eventually('it works', () => source.settled);
      expect(assigned()).toBe(1);
    },
    caseTimeoutMs,
  );
});
