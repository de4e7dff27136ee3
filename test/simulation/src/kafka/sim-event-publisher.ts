import { type EventPublisher, type PublishedAt, type StoreCall } from '@tidemark/cache';
import { type OutgoingRecord } from '@tidemark/pipeline';
import { partitionOf, type WireRecord } from '@tidemark/protocol';
import { names } from '../world/names.js';
import { type Clock, withDeadline } from '@tidemark/runtime';
import { type SimKafka } from './sim-kafka.js';
import { type SimProducer } from './sim-producer.js';

/** A pod's way into the table topics. */
export class SimEventPublisher implements EventPublisher {
  readonly #kafka: SimKafka;
  readonly #producer: SimProducer;
  readonly #clock: Clock;

  constructor(kafka: SimKafka, producer: SimProducer, clock: Clock) {
    this.#kafka = kafka;
    this.#producer = producer;
    this.#clock = clock;
  }

  async publish(table: string, records: readonly WireRecord[], call: StoreCall): Promise<readonly PublishedAt[]> {
    const topic = names.cdc(table);
    const partitions = this.#kafka.partitionsEver(topic);
    const outgoing = records.flatMap((record) => into(record, partitions));
    const deadline = { ...call, clock: this.#clock, what: `publishing to ${topic}` };
    const offsets = await withDeadline(deadline, (signal) => this.#producer.produce(topic, outgoing, signal));
    return outgoing.flatMap(({ partition, record }, index) =>
      record.key === null ? [] : [{ partition, offset: offsets[index] ?? -1 }],
    );
  }
}

function into(record: WireRecord, partitions: number): OutgoingRecord[] {
  const { key } = record;
  if (key === null) return Array.from({ length: partitions }, (_, partition) => ({ partition, record }));
  return [{ partition: partitionOf(Buffer.from(key).toString('utf8'), partitions), record }];
}
