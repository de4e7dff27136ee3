import { type Message, Partitioners, type Producer, type RecordMetadata } from 'kafkajs';
import { type KafkaClient, shortRetry } from './kafka-client.js';

/** kafkajs's own attempts within one of ours; few, so that a poisoned producer is soon replaced. */
const retry = { ...shortRetry, maxRetryTime: 500, retries: 2 };
/** The brokers must have all acknowledgements by then, ms. */
const acknowledgeMs = 10_000;

export interface Appended {
  /** Offset of the partition's first message of the send; the others follow it. */
  readonly baseOffset: number;
  /** The broker's time of the append, ms since the epoch; -1 where producers date their records. */
  readonly appendTimeMs: number;
}

export type Acknowledgement = ReadonlyMap<number, Appended>;

interface Connection {
  readonly producer: Producer;
  readonly connected: Promise<void>;
  sends: number;
  discarded: boolean;
}

/**
 * The kafkajs producer of the moment: non-idempotent, acknowledgements from all in-sync replicas, partitions always given.
 *
 * A producer that ever sent to a topic which was then deleted fails on every new topic, and later on known ones, and reconnecting it does not
 * help. So after a failure the next send gets a new one; the old one is closed when its last send has ended.
 */
export class ProducerConnection {
  readonly #client: KafkaClient;
  readonly #onReplace: () => void;
  #current: Connection | undefined;

  constructor(client: KafkaClient, onReplace: () => void) {
    this.#client = client;
    this.#onReplace = onReplace;
  }

  /** Resolves when every message is acknowledged, to where each partition's messages begin. */
  async send(topic: string, messages: Message[]): Promise<Acknowledgement> {
    const connection = this.#connection();
    connection.sends += 1;
    try {
      await connection.connected;
      const answer = await connection.producer.send({ topic, messages, acks: -1, timeout: acknowledgeMs });
      return readAnswer(messages, answer);
    } catch (error) {
      this.#discard(connection);
      throw error;
    } finally {
      connection.sends -= 1;
      if (connection.discarded && connection.sends === 0) void connection.producer.disconnect().catch(() => undefined);
    }
  }

  /** Closes the producer once its sends have ended. */
  async close(): Promise<void> {
    const connection = this.#current;
    this.#current = undefined;
    if (connection === undefined) return;
    connection.discarded = true;
    if (connection.sends === 0) await connection.producer.disconnect().catch(() => undefined);
  }

  #connection(): Connection {
    if (this.#current !== undefined) return this.#current;
    const producer = this.#client.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      idempotent: false,
      allowAutoTopicCreation: false,
      retry,
    });
    const connected = producer.connect();
    connected.catch(() => undefined);
    this.#current = { producer, connected, sends: 0, discarded: false };
    return this.#current;
  }

  #discard(connection: Connection): void {
    if (connection.discarded) return;
    connection.discarded = true;
    if (this.#current === connection) this.#current = undefined;
    this.#onReplace();
  }
}

/**
 * kafkajs drops the messages of a partition that its metadata does not know, and calls that a success. After a change of leaders within one
 * send it may answer twice for a partition, whose messages then stand in the log twice: the last is as good as the first.
 */
function readAnswer(messages: readonly Message[], answer: readonly RecordMetadata[]): Acknowledgement {
  const acknowledgement = new Map<number, Appended>();
  for (const { partition, errorCode, baseOffset, logAppendTime } of answer) {
    const offset = Number(baseOffset);
    if (errorCode !== 0 || offset < (acknowledgement.get(partition)?.baseOffset ?? 0)) continue;
    acknowledgement.set(partition, { baseOffset: offset, appendTimeMs: Number(logAppendTime ?? -1) });
  }
  for (const { partition } of messages)
    if (partition === undefined || !acknowledgement.has(partition))
      throw new Error(`partition ${partition} did not answer`);
  return acknowledgement;
}
