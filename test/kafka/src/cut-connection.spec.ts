import { describe, expect, it } from '@jest/globals';
import { GroupConsumer } from '@tidemark/kafka';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { embeddedKafka, tableTopic } from './embedded-bench.js';
import { testLogger } from './test-logger.js';

const cuts = 3;

describe('a member whose fetches are cut', () => {
  const { kafka, closers } = embeddedKafka();

  it(
    'stays one, with no more connections than before, and leaves none',
    async () => {
      const { names, client, topic, write } = await tableTopic(kafka, closers, 'cut-connection');
      let [handled, joins] = [0, 0];
      const source = new GroupConsumer({ client, logger: testLogger, groupId: names.dispatcherGroup });
      closers.push(() => source.stop());
      const { connections: others } = kafka.stats();
      await source.subscribe([topic]);
      await source.start({
        onAssigned: async () => void (joins += 1),
        onBatch: async ({ records }) => {
          handled += records.length;
          return 'commit';
        },
      });
      await write();
      await eventually('the first', () => handled === 1, caseTimeoutMs / 4);
      const { connections } = kafka.stats();
      for (let cut = 1; cut <= cuts; cut += 1) {
        const { Fetch: fetches } = kafka.stats().requests;
        kafka.faults.dropConnection('Fetch');
        await write();
        await eventually(`after cut ${cut}`, () => handled === 1 + cut, caseTimeoutMs / 4);
        await eventually('another fetch', () => kafka.stats().requests.Fetch >= fetches + 2, caseTimeoutMs / 4);
        // The member may have sent the first one before it had the broker again.
        const { Heartbeat: heartbeats } = kafka.stats().requests;
        await eventually('heartbeats', () => kafka.stats().requests.Heartbeat >= heartbeats + 2, caseTimeoutMs / 4);
        await eventually('as before', () => kafka.stats().connections === connections, caseTimeoutMs / 4);
      }
      expect(joins).toBe(1);
      await source.stop();
      await eventually('none of its connections', () => kafka.stats().connections === others, caseTimeoutMs / 4);
    },
    caseTimeoutMs,
  );
});
