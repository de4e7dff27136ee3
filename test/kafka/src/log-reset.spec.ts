import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createKafkaClient, GroupConsumer, KafkaProducer, KafkaTopicAdmin } from '@tidemark/kafka';
import { EmbeddedKafka } from '@tidemark/local-stack';
import { type SourceBatch } from '@tidemark/pipeline';
import { topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { caseTimeoutMs } from './contract.js';
import { testLogger } from './test-logger.js';

/** What a log looks like that was cut before the member's offset, and has grown past it since: the end tells nothing. */
describe('a log that has not got the offset of a member', () => {
  const kafka = new EmbeddedKafka();
  beforeAll(() => kafka.start());
  afterAll(() => kafka.close());
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  const signal = new AbortController().signal;

  async function bench(prefix: string) {
    const names = topicNames(prefix);
    const client = createKafkaClient({ brokers: [kafka.address] });
    const topic = names.cdc('a');
    await new KafkaTopicAdmin({ client, replicationFactor: 1 }).create(topic, 1, signal);
    const producer = new KafkaProducer({ client, names });
    closers.push(() => producer.close());
    const write = (count: number): Promise<unknown> =>
      producer.send(
        topic,
        Array.from({ length: count }, () => ({
          partition: 0,
          record: { key: 'k', value: Buffer.from('v'), header: 'h' },
        })),
        signal,
      );
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
    return { write, join };
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
});

function ends(batches: readonly SourceBatch[]): bigint | undefined {
  return batches.at(-1)?.nextOffset;
}
