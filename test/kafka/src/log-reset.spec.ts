import { describe, expect, it } from '@jest/globals';
import { GroupConsumer } from '@tidemark/kafka';
import { type SourceBatch } from '@tidemark/pipeline';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { embeddedKafka, tableTopic } from './embedded-bench.js';
import { testLogger } from './test-logger.js';

/** What a log looks like that was cut before the member's offset, and has grown past it since: the end tells nothing. */
describe('a log that has not got the offset of a member', () => {
  const { kafka, closers } = embeddedKafka();

  async function bench(prefix: string) {
    const { names, client, topic, write } = await tableTopic(kafka, closers, prefix);
    const join = async (batches: SourceBatch[]): Promise<GroupConsumer> => {
      const source = new GroupConsumer({ client, logger: testLogger, groupId: names.dispatcherGroup });
      closers.push(() => source.stop());
      await source.subscribe([topic]);
      await source.start({
        onAssigned: async () => undefined,
        onBatch: async (batch) => {
          batches.push(batch);
          return 'commit';
        },
      });
      return source;
    };
    return { topic, write, join };
  }

  it(
    'is read from its start, after one gap, though it reaches beyond what was handled',
    async () => {
      const { write, join } = await bench('standing');
      const batches: SourceBatch[] = [];
      await join(batches);
      await write(20);
      await eventually('all', () => ends(batches) === 20n);
      const before = batches.length;
      // Once with the epoch of what was read, which the broker may not have heard of, and once without.
      kafka.faults.answerError('Fetch', 'OFFSET_OUT_OF_RANGE', 2);
      await eventually('all of it again', () => batches.length > before && ends(batches) === 20n);
      await write(5);
      await eventually('what comes later', () => ends(batches) === 25n);
      const again = batches.slice(before);
      expect([again[0]?.firstOffset, again.map(({ afterGap }) => afterGap).filter(Boolean)]).toEqual([0n, [true]]);
      expect(again.flatMap(({ records }) => records)).toHaveLength(25);
    },
    caseTimeoutMs,
  );

  it(
    'is read from its start, after a gap, also where that is met at the first fetch after a join',
    async () => {
      const { write, join } = await bench('joining');
      const [earlier, later]: [SourceBatch[], SourceBatch[]] = [[], []];
      await write(20);
      const first = await join(earlier);
      await eventually('all', () => ends(earlier) === 20n);
      await first.stop();
      // Once with the epoch of what was read, which the broker may not have heard of, and once without.
      kafka.faults.answerError('Fetch', 'OFFSET_OUT_OF_RANGE', 2);
      await join(later);
      await eventually('all of it again', () => ends(later) === 20n);
      expect([later[0]?.firstOffset, later[0]?.afterGap]).toEqual([0n, true]);
    },
    caseTimeoutMs,
  );

  it(
    'is read from its start where it was cut, also after a broker had not heard of the last leader for a while',
    async () => {
      const { topic, write, join } = await bench('unheard');
      const batches: SourceBatch[] = [];
      await join(batches);
      await write(20);
      await eventually('all', () => ends(batches) === 20n);
      const fetches = (): number => kafka.stats().requests.Fetch ?? 0;
      const more = async (count: number): Promise<void> => {
        const before = fetches();
        await eventually('fetches', () => fetches() >= before + count);
      };
      kafka.faults.answerError('Fetch', 'OFFSET_OUT_OF_RANGE', 1);
      await more(3);
      await write(5);
      await eventually('those, too', () => ends(batches) === 25n);
      const before = batches.length;
      // The last three are lost, and ten others have come before the member fetches again.
      kafka.faults.delay('Fetch', 3_000, 1);
      await more(1);
      kafka.faults.truncateFrom({ topic, partition: 0 }, 22n);
      await write(10);
      await eventually('the end', () => ends(batches) === 32n, caseTimeoutMs / 2);
      expect([batches[before]?.firstOffset, batches[before]?.afterGap]).toEqual([0n, true]);
    },
    caseTimeoutMs,
  );
});

function ends(batches: readonly SourceBatch[]): bigint | undefined {
  return batches.at(-1)?.nextOffset;
}
