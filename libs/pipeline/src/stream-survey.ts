import { type Clock, isTidemarkError, type TidemarkError, withDeadline } from '@tidemark/runtime';
import { type CallWatch } from './call-watch.js';
import { type Shard, type ShardLease, type ShardReader, type StreamDescription } from './ports.js';
import { type RetryObserver } from './retry.js';
import { listingAgeMsMax, ShardRoll } from './shard-roll.js';
import { StreamRetention } from './stream-retention.js';

/** The stream at one moment. */
export interface Survey {
  /** Its id begins with the topic prefix: what was read for other topics counts for nothing here. */
  readonly stream: StreamDescription;
  readonly shards: readonly Shard[];
}

export interface StreamSurveyOptions {
  readonly reader: ShardReader;
  /** Of the topics that the stream is read into. */
  readonly topicPrefix: string;
  readonly clock: Clock;
  /** What is as near to the end of the stream's retention as this counts as gone, ms. */
  readonly retentionMarginMs: number;
  /** Deadline of each call, ms. */
  readonly timeoutMs: number;
  readonly calls: CallWatch;
  readonly observer: RetryObserver;
  readonly signal: AbortSignal;
}

/**
 * Which stream it is and which shards it has. A survey that was asked for *after* lease rows were read shows whether their claims are about
 * this very stream: one that was made anew may go on under the same name, with the same shard ids, and even take the old iterators.
 */
export class StreamSurvey {
  /** As the stream was described, ever. */
  readonly retention: StreamRetention;
  readonly #options: StreamSurveyOptions;
  #running: Promise<Survey | undefined> | undefined;
  #latest: Survey | undefined;
  #roll = new ShardRoll();
  #refused: TidemarkError | undefined;
  #hasFailed = false;

  constructor(options: StreamSurveyOptions) {
    this.#options = options;
    this.retention = new StreamRetention(options.retentionMarginMs);
  }

  /** The last survey, however old. */
  get latest(): Survey | undefined {
    return this.#latest;
  }

  /** Why the stream, as it was last described, must not be read. */
  get refused(): TidemarkError | undefined {
    return this.#refused;
  }

  /** Whether the last one that has ended failed: health says so until another one succeeds. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Whether no tip can be claimed by the last listing: this worker's clock was ahead then, or has gone on by too much since. */
  get isOutdated(): boolean {
    const now = this.#options.clock.now();
    return this.#latest !== undefined && now - (this.#roll.listedAt(now) ?? -Infinity) > listingAgeMsMax;
  }

  /** The latest watermark that shards without a row among `rows` allow, ms since the epoch; `null`: none. */
  bound(rows: readonly ShardLease[]): number | null {
    return this.#roll.bound(rows, this.#options.clock.now());
  }

  /** Up to when the shard is known to have had no children, ms since the epoch; `null`: nothing is known. */
  childlessUpTo(shardId: string): number | null {
    return this.#roll.childlessUpTo(shardId, this.#options.clock.now());
  }

  /** A survey asked for after this call; `undefined`: one that was asked for earlier is under way. Resolves to `undefined` when it fails. */
  ask(): Promise<Survey | undefined> | undefined {
    if (this.#running !== undefined) return undefined;
    this.#running = this.#survey().then((survey) => {
      this.#running = undefined;
      this.#hasFailed = survey === undefined;
      return survey;
    });
    return this.#running;
  }

  /** Never rejects. */
  async #survey(): Promise<Survey | undefined> {
    const { reader, topicPrefix, clock } = this.#options;
    const askedAt = clock.now();
    this.retention.ask();
    const described = await this.#ask('describing the Kinesis stream', (signal) => reader.describe(signal));
    if (described === undefined) return undefined;
    this.#refused = undefined;
    this.retention.note(described.retentionMs, clock.now());
    const stream = { ...described, streamId: `${topicPrefix}:${described.streamId}` };
    const shards = await this.#ask('listing the shards of Kinesis', (signal) => reader.listShards(signal));
    if (shards === undefined) return undefined;
    if (this.#latest?.stream.streamId !== stream.streamId) this.#roll = new ShardRoll();
    this.#roll.note(shards, askedAt);
    this.#latest = { stream, shards };
    return this.#latest;
  }

  async #ask<T>(what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const { clock, timeoutMs, calls, observer, signal } = this.#options;
    try {
      const answer = await calls.watch(what, () => withDeadline({ clock, timeoutMs, what, signal }, call));
      observer.succeeded(what);
      return answer;
    } catch (error) {
      if (isTidemarkError(error, 'INVALID_CONFIGURATION')) this.#refused = error;
      if (!signal.aborted) observer.failed(what, error);
      return undefined;
    }
  }
}
