// Readers of a topic that count numbered changes; apart from the product's own client where they judge it.
import { randomUUID } from 'node:crypto';
import { createKafkaClient, PodFeed } from '@tidemark/kafka';
import { decodeRecord, headerName, parseItemKey } from '@tidemark/protocol';
import { Kafka, logLevel } from 'kafkajs';
import { until } from './wait.mjs';

const followsMs = 60_000;

/** @typedef {import('./ledger.mjs').Ledger} Ledger */
/** @typedef {{ close(): Promise<void> }} Reader */

/**
 * A kafkajs consumer as it comes. From the beginning and with its offsets committed it is the judge; from the end and without them it is what a pod
 * would be that trusts the client alone.
 * @param {{ readonly brokers: readonly string[], readonly topic: string | readonly string[], readonly ledger?: Ledger, readonly naive?: boolean, readonly places?: Map<string, bigint>, readonly onDelivery?: (topic: string, key: string, number: number) => void }} options
 * @returns {Promise<Reader>}
 */
export async function readByKafkajs({ brokers, topic: topics, ledger, naive = false, places = new Map(), onDelivery }) {
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'measure', logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({
    groupId: `measure-${randomUUID()}`,
    maxWaitTimeInMs: 100,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 8, restartOnFailure: async () => true },
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topics].flat(), fromBeginning: !naive });
  await consumer.run({
    autoCommit: !naive,
    partitionsConsumedConcurrently: 4,
    eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
      const place = `${batch.topic} ${batch.partition}`;
      for (const { key, value, headers, offset } of batch.messages) {
        // What a restarted reader reads again is no duplicate of the pipeline.
        if (BigInt(offset) <= (places.get(place) ?? -1n)) continue;
        places.set(place, BigInt(offset));
        const header = headers?.[headerName];
        const change = note(ledger, { key, value, header: Array.isArray(header) ? null : (header ?? null) });
        if (change !== undefined) onDelivery?.(batch.topic, change.key, change.number);
        resolveOffset(offset);
      }
      await heartbeat();
    },
  });
  return { close: () => consumer.disconnect() };
}

/**
 * A pod's own feed.
 * @param {{ readonly brokers: readonly string[], readonly names: import('@tidemark/protocol').TopicNames, readonly topic: string, readonly ledger?: Ledger, readonly onDelivery?: (topic: string, key: string, number: number) => void }} options
 * @returns {Promise<Reader>}
 */
export async function readByFeed({ brokers, names, topic, ledger, onDelivery }) {
  const client = createKafkaClient({ brokers });
  const feed = new PodFeed({ client, names, service: 'measure', podId: randomUUID() });
  await feed.open({
    onRoute: () => undefined,
    onBatch: ({ records }) => {
      for (const record of records) {
        const change = note(ledger, record);
        if (change !== undefined) onDelivery?.(topic, change.key, change.number);
      }
    },
    onGap: () => undefined,
    onPartitions: () => undefined,
    onState: () => undefined,
  });
  // A topic that was made a moment ago is not known to every broker yet.
  const follows = () => feed.tail([topic]).then(() => true);
  await until(`the reader follows ${topic}`, follows, followsMs);
  return { close: () => feed.close() };
}

/** @param {Ledger | undefined} ledger @param {import('@tidemark/protocol').WireRecord} record */
function note(ledger, record) {
  const decoded = decodeRecord(record);
  if (decoded.type !== 'event' || decoded.event.to === null) return undefined;
  const key = parseItemKey(decoded.event.key)?.key;
  if (key === undefined) return undefined;
  // The writer counts in the first half of the write id.
  const number = Number.parseInt(decoded.event.to.slice(0, 16), 16);
  ledger?.received(key, number, performance.now());
  return { key, number };
}
