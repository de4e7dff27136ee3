import { backoffMs, type Clock, type Logger, messageOf, wait } from '@tidemark/runtime';
import { type Random } from './seeded-random.js';

export interface StreamRecord {
  readonly streamName: string;
  readonly partitionKey: string;
  readonly bytes: Buffer;
  /** Called when a stream has accepted it. */
  readonly onAccepted?: (() => void) | undefined;
}

/** Writes records to a stream; resolves to whether each was accepted, in order, or rejects when none of them is known to be. */
export type PutRecords = (streamName: string, records: readonly StreamRecord[]) => Promise<readonly boolean[]>;

export interface StreamPublisherOptions {
  readonly putRecords: PutRecords;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly region: string;
  /** Called whenever the number of waiting records falls. */
  readonly onProgress: () => void;
}

const batchRecordsMax = 500;
const batchBytesMax = 4 * 1024 * 1024;
/** How far ahead of the oldest record a batch may look for records of other keys. */
const lookAheadMax = 2_000;
const retry = { initialMs: 10, maxMs: 1_000 };

/**
 * Brings records into their streams: each at least once, and those of one key in order. A batch never holds two records of a key,
 * so that a record which is refused can be tried again before a later one of its key; retries end only with `stop`.
 */
export class StreamPublisher {
  readonly #options: StreamPublisherOptions;
  readonly #stopped = new AbortController();
  #queue: StreamRecord[] = [];
  #sending = 0;
  #paused = false;
  #pumping = false;
  #published = 0;
  #retries = 0;

  constructor(options: StreamPublisherOptions) {
    this.#options = options;
  }

  /** Records that no stream has accepted yet. */
  get pending(): number {
    return this.#queue.length + this.#sending;
  }

  get published(): number {
    return this.#published;
  }

  /** Records that were sent again because they were refused or the answer was lost. */
  get retries(): number {
    return this.#retries;
  }

  get paused(): boolean {
    return this.#paused;
  }

  add(record: StreamRecord): void {
    this.#queue.push(record);
    this.#start();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#start();
  }

  /** Records that are still waiting are dropped. */
  stop(): void {
    this.#stopped.abort();
    this.#queue = [];
  }

  #start(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // One turn later, so that the writes of one turn share a batch.
    setImmediate(() => void this.#pump());
  }

  async #pump(): Promise<void> {
    const { signal } = this.#stopped;
    let failures = 0;
    while (this.#queue.length > 0 && !this.#paused && !signal.aborted) {
      const batch = this.#takeBatch();
      const refused = await this.#send(batch);
      for (const record of batch) if (!refused.includes(record)) record.onAccepted?.();
      this.#sending = 0;
      if (signal.aborted) break;
      this.#queue = refused.length === 0 ? this.#queue : [...refused, ...this.#queue];
      this.#published += batch.length - refused.length;
      this.#retries += refused.length;
      failures = refused.length === 0 ? 0 : failures + 1;
      this.#options.onProgress();
      if (failures > 0) {
        await wait(this.#options.clock, backoffMs(failures, { ...retry, random: this.#options.random }), signal);
      }
    }
    this.#pumping = false;
  }

  async #send(batch: readonly StreamRecord[]): Promise<readonly StreamRecord[]> {
    const { putRecords, log, region } = this.#options;
    const streamName = batch[0]?.streamName ?? '';
    try {
      const accepted = await putRecords(streamName, batch);
      return batch.filter((_record, index) => accepted[index] !== true);
    } catch (error) {
      log.warn({ region, streamName, error: messageOf(error) }, 'change records were not accepted; trying again');
      return batch;
    }
  }

  #takeBatch(): StreamRecord[] {
    const head = this.#queue.splice(0, lookAheadMax);
    const batch: StreamRecord[] = [];
    const left: StreamRecord[] = [];
    const keys = new Set<string>();
    let bytes = 0;
    for (const record of head) {
      const fits =
        batch.length < batchRecordsMax && (batch.length === 0 || bytes + record.bytes.length <= batchBytesMax);
      if (fits && record.streamName === head[0]?.streamName && !keys.has(record.partitionKey)) {
        batch.push(record);
        bytes += record.bytes.length;
      } else {
        left.push(record);
      }
      keys.add(record.partitionKey);
    }
    this.#queue = left.length === 0 ? this.#queue : [...left, ...this.#queue];
    this.#sending = batch.length;
    return batch;
  }
}
