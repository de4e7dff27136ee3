import { itemKeyOf } from '@tidemark/protocol';
import { TickReads, type TickReadsOptions } from './tick-reads.js';

export interface EventualReaderOptions extends Omit<TickReadsOptions, 'consistency'> {
  readonly bucket: string;
}

/**
 * Eventually consistent reads, for callers that ask for them.
 *
 * Their answers are handed to those callers and never to L1: one may be older than an event that has passed already, which no fence of a fill
 * can tell, and nothing would ever correct it (hazard 2). So this class knows neither L1 nor the coherence protocol. Callers of one key share a read.
 */
export class EventualReader {
  readonly #bucket: string;
  readonly #reads: TickReads;
  readonly #flights = new Map<string, Promise<ReadAnswer>>();

  constructor({ bucket, ...options }: EventualReaderOptions) {
    this.#bucket = bucket;
    this.#reads = new TickReads({ ...options, consistency: 'eventual' });
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  /** The item as the replica had it once; `undefined`: there was none then. */
  read(key: string): Promise<ReadAnswer> {
    const current = this.#flights.get(key);
    if (current !== undefined) return current;
    const flight = this.#reads.read(itemKeyOf(this.#bucket, key)).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }
}

type ReadAnswer = Awaited<ReturnType<TickReads['read']>>;
