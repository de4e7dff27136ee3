import { type GetRecordsOutput, type _Record as KinesisRecord } from '@aws-sdk/client-kinesis';
import { type ShardCursor, type ShardPage, type ShardPosition } from '@tidemark/pipeline';
import { type Clock, isTidemarkError, TidemarkError } from '@tidemark/runtime';
import { awsErrorName } from './aws-call.js';
import { toRecord } from './kinesis-record.js';
import { type ReadPace } from './read-pace.js';

export interface PolledShardOptions {
  readonly shardId: string;
  readonly position: ShardPosition;
  readonly pace: ReadPace;
  readonly clock: Clock;
  readonly pageRecordsMax: number;
  readonly iteratorAt: (position: ShardPosition, signal: AbortSignal) => Promise<string>;
  /** Up to `limit` records. */
  readonly getRecords: (iterator: string, limit: number, signal: AbortSignal) => Promise<GetRecordsOutput>;
  /** Whether a complete listing of the stream does not hold the shard. */
  readonly isGone: (signal: AbortSignal) => Promise<boolean>;
}

/** No answer of Kinesis is larger. */
const answerBytesMax = 10 * 1_024 * 1_024;
/** What a page should take: as much as a shard hands out in a second. */
const pageBytesAim = 2 * 1_024 * 1_024;

const gone = { records: [], millisBehindLatest: 0, closed: true, gap: true } as const;

/**
 * One shard read page by page. What it knows is where the last page that was handed over ended, so a read that failed is simply
 * made again, and an iterator that expired, after five minutes, is asked for again at that place.
 *
 * A position that the stream does not know (of a stream that was replaced, or trimmed) is given up for the oldest record there is, and
 * the page says that there is a gap. A sequence number that was merely trimmed may be accepted without a word: that is for the caller to suspect.
 */
export class PolledShard implements ShardCursor {
  readonly pageBytesMax = answerBytesMax;
  readonly #options: PolledShardOptions;
  #position: ShardPosition;
  #iterator: string | undefined;
  #gap = false;
  #isReady = false;
  #limit: number;
  /** Bytes of a record, on average of the last pages; `undefined`: none has come yet. */
  #recordBytes: number | undefined;
  #askedSinceMs: number | null = null;

  constructor(options: PolledShardOptions) {
    this.#options = options;
    this.#position = options.position;
    this.#limit = options.pageRecordsMax;
  }

  get askedSinceMs(): number | null {
    return this.#askedSinceMs;
  }

  async ready(signal: AbortSignal): Promise<void> {
    await this.#options.pace.turn(signal);
    this.#isReady = !signal.aborted;
  }

  async read(signal: AbortSignal): Promise<ShardPage> {
    const { clock } = this.#options;
    if (!this.#isReady) await this.ready(signal);
    this.#isReady = false;
    if (signal.aborted) throw new TidemarkError('ABORTED', 'reading the shard was aborted', { retriable: false });
    this.#askedSinceMs = clock.monotonicMs();
    const askedAt = clock.now();
    try {
      return await this.#readPage(askedAt, signal);
    } finally {
      this.#askedSinceMs = null;
    }
  }

  async #readPage(askedAt: number, signal: AbortSignal): Promise<ShardPage> {
    try {
      return this.#handOver(await this.#getPage(signal), askedAt);
    } catch (error) {
      if (isTidemarkError(error, 'THROTTLED')) this.#options.pace.refused();
      const isMissing = awsErrorName(error) === 'ResourceNotFoundException';
      if (isMissing && (await this.#options.isGone(signal))) return { ...gone, askedAt };
      throw error;
    }
  }

  async #getPage(signal: AbortSignal): Promise<GetRecordsOutput> {
    const { getRecords, pace } = this.#options;
    this.#iterator ??= await this.#freshIterator(signal);
    try {
      return await getRecords(this.#iterator, this.#limit, signal);
    } catch (error) {
      if (awsErrorName(error) !== 'ExpiredIteratorException') throw error;
      this.#iterator = undefined;
      this.#iterator = await this.#freshIterator(signal);
      await pace.turn(signal);
      return getRecords(this.#iterator, this.#limit, signal);
    }
  }

  async #freshIterator(signal: AbortSignal): Promise<string> {
    const { iteratorAt } = this.#options;
    try {
      return await iteratorAt(this.#position, signal);
    } catch (error) {
      if (this.#position.type === 'trim-horizon' || awsErrorName(error) !== 'InvalidArgumentException') throw error;
      const iterator = await iteratorAt({ type: 'trim-horizon' }, signal);
      this.#position = { type: 'trim-horizon' };
      this.#gap = true;
      return iterator;
    }
  }

  #handOver(output: GetRecordsOutput, askedAt: number): ShardPage {
    const { pace } = this.#options;
    const records = (output.Records ?? []).map(toRecord);
    const millisBehindLatest = behindLatest(output, records.length >= this.#limit);
    const bytes = (output.Records ?? []).reduce((sum, record) => sum + bytesOf(record), 0);
    pace.spent(bytes);
    if (records.length > 0) this.#aim(bytes / records.length);
    const page = { records, askedAt, millisBehindLatest, closed: !output.NextShardIterator, gap: this.#gap };
    this.#iterator = output.NextShardIterator ?? undefined;
    this.#gap = false;
    const last = records.at(-1);
    if (last !== undefined) this.#position = { type: 'after', sequenceNumber: last.sequenceNumber };
    if (millisBehindLatest !== 0 && records.length > 0) pace.hurry();
    return page;
  }

  /** Asks for as many records as should make a page of the size aimed at; `recordBytes`: of those of the last page, on average. */
  #aim(recordBytes: number): void {
    this.#recordBytes = this.#recordBytes === undefined ? recordBytes : (this.#recordBytes + recordBytes) / 2;
    const fitting = Math.floor(pageBytesAim / Math.max(1, this.#recordBytes));
    this.#limit = Math.max(1, Math.min(fitting, this.#options.pageRecordsMax));
  }
}

/**
 * A full page that says it ends at the tip is not believed: kinesalite says 0 of every page of an open shard, also where `Limit` cut
 * it. A page that is not full was read to the tip at the time of the request, there as on AWS.
 */
function behindLatest(output: GetRecordsOutput, isFull: boolean): number | null {
  const behindMs = output.MillisBehindLatest ?? null;
  return behindMs === 0 && isFull ? null : behindMs;
}

/** What a record counts for against the limits of the shard. */
function bytesOf({ Data, PartitionKey }: KinesisRecord): number {
  return (Data?.byteLength ?? 0) + (PartitionKey?.length ?? 0);
}
