import { type WireRecord } from '@tidemark/protocol';
import { wait } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { partsOf, placeOf, type SimKafka, type TopicPlace } from './sim-kafka.js';

/** Records of one partition, from `offset` on. `expected`: the offset asked for; a higher one means that records are lost. */
export interface FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly expected: number;
  readonly offset: number;
  readonly records: readonly WireRecord[];
}

export interface LogSessionOptions {
  readonly kafka: SimKafka;
  readonly link: Link;
  readonly onBatch: (batch: FetchedBatch) => void;
  /** Whether the brokers answer. */
  readonly onState: (state: 'live' | 'interrupted') => void;
}

const fetchTimeoutMs = 2_500;
/** The brokers answer an empty fetch after this, ms. */
const fetchWaitMs = 1_200;
const retryMs = 400;
const recordsMax = 50;

/** One process's reading of any number of partitions, from positions of its own: a position moves only when its records were handed over. */
export class LogSession {
  readonly #options: LogSessionOptions;
  readonly #positions = new Map<TopicPlace, number>();
  #running = false;
  #closed = false;

  constructor(options: LogSessionOptions) {
    this.#options = options;
  }

  get positions(): ReadonlyMap<TopicPlace, number> {
    return this.#positions;
  }

  /** Asks for the start or the end of every partition of a topic, for as long as it takes; resolves to the positions. */
  async bounds(topic: string, which: 'start' | 'end'): Promise<readonly number[]> {
    const { kafka, link } = this.#options;
    while (!this.#closed) {
      try {
        return await link.call({
          ...{ what: `find the ${which} of ${topic}`, timeoutMs: fetchTimeoutMs },
          serve: () => kafka.partitions(topic).map((log) => (which === 'start' ? log.start : log.end)),
          unsent: (reason) => new Error(reason),
          unanswered: (reason) => new Error(reason),
        });
      } catch {
        await wait(link.process.clock, retryMs);
      }
    }
    return [];
  }

  follow(topic: string, partition: number, offset: number): void {
    this.#positions.set(placeOf(topic, partition), offset);
    if (this.#running) return;
    this.#running = true;
    void this.#read();
  }

  unfollow(topic: string): void {
    for (const place of [...this.#positions.keys()]) if (partsOf(place).topic === topic) this.#positions.delete(place);
  }

  close(): void {
    this.#closed = true;
  }

  async #read(): Promise<void> {
    const { link, onState } = this.#options;
    while (!this.#closed) {
      try {
        const batches = await this.#fetch();
        if (this.#closed) return;
        onState('live');
        for (const batch of batches) this.#handOver(batch);
      } catch {
        if (this.#closed) return;
        onState('interrupted');
        await wait(link.process.clock, retryMs);
      }
    }
  }

  /** What was asked for while the process followed another set, or moved on, is not handed over. */
  #handOver(batch: FetchedBatch): void {
    const place = placeOf(batch.topic, batch.partition);
    if (this.#closed || this.#positions.get(place) !== batch.expected) return;
    this.#positions.set(place, batch.offset + batch.records.length);
    this.#options.onBatch(batch);
  }

  #fetch(): Promise<readonly FetchedBatch[]> {
    const { kafka, link } = this.#options;
    const wanted = [...this.#positions];
    return link.call({
      ...{ what: 'fetch', timeoutMs: fetchTimeoutMs },
      serve: () => park(kafka, link, () => batchesOf(kafka, wanted)),
      unsent: (reason) => new Error(reason),
      unanswered: (reason) => new Error(reason),
    });
  }
}

/** Waits at the brokers until there is something, or for as long as they let a fetch wait. */
export async function park<T>(kafka: SimKafka, link: Link, look: () => readonly T[]): Promise<readonly T[]> {
  const { found, giveUp } = kafka.waitFor(() => {
    const batches = look();
    return batches.length > 0 ? batches : undefined;
  });
  const cancel = link.afterMs(fetchWaitMs, giveUp);
  const batches = (await found) ?? [];
  cancel();
  return batches;
}

function batchesOf(kafka: SimKafka, wanted: readonly (readonly [TopicPlace, number])[]): FetchedBatch[] {
  const batches: FetchedBatch[] = [];
  for (const [place, expected] of wanted) {
    const { topic, partition } = partsOf(place);
    const log = kafka.log(topic, partition);
    const offset = Math.max(expected, log.start);
    const records = log.read(offset, recordsMax);
    if (records.length > 0 || offset > expected) batches.push({ topic, partition, expected, offset, records });
  }
  return batches;
}
