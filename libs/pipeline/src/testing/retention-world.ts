import { TidemarkError } from '@tidemark/runtime';
import { type ShardReader } from '../ports.js';
import { type SyncWorkerOptions } from '../sync-options.js';
import { type SyncWorker } from '../sync-worker.js';
import { SyncWorld, type SyncWorldOptions } from './sync-world.js';

/** In place of hours, to have fewer turns of the workers, ms; what is as near to its end as half of it counts as gone. */
export const span = 600_000;

/** Of the table topic, as the sink makes it. */
const partitions = 3;

type Fault = (operation: string, shardId: string) => TidemarkError | undefined;

export const throttled = (): TidemarkError => new TidemarkError('THROTTLED', 'not now', { retriable: true });

/** Nothing is read of `shardId`. */
export const unread =
  (shardId: string): Fault =>
  (operation, of) =>
    operation === 'read' && of === shardId ? throttled() : undefined;

/** Nothing is read but of `shardId`. */
export const allButUnread =
  (shardId: string): Fault =>
  (operation, of) =>
    operation === 'read' && of !== shardId ? throttled() : undefined;

/** Reads of `shardId` beyond the first `max` fail. */
export function readOnly(shardId: string, max: number): Fault {
  let reads = 0;
  return (operation, of) => (operation === 'read' && of === shardId && (reads += 1) > max ? throttled() : undefined);
}

/** A world in which records leave the stream, and workers that do not look at the tables' streaming destinations. */
export class RetentionWorld extends SyncWorld {
  /** Flushes of the table `users` before anything was lost. */
  before = 0;

  constructor(options: Pick<SyncWorldOptions, 'stream'>) {
    super({ ...options, looks: false });
  }

  override worker(workerId: string, options: Partial<SyncWorkerOptions> = {}): SyncWorker {
    return super.worker(workerId, { retentionMarginMs: span / 2, ...options });
  }

  /** The stream, for a worker whose questions it answers otherwise. */
  reading(change: Partial<ShardReader>): ShardReader {
    const { stream } = this;
    return {
      describe: (signal) => stream.describe(signal),
      listShards: (signal) => stream.listShards(signal),
      open: (...of) => stream.open(...of),
      ...change,
    };
  }

  /** A worker whose clock is wrong by what `offset` says, ms. */
  workerWithClock(workerId: string, offset: () => number): SyncWorker {
    const clock = {
      now: () => this.clock.now() + offset(),
      monotonicMs: () => this.clock.monotonicMs(),
      setTimer: (callback: () => void, delayMs: number) => this.clock.setTimer(callback, delayMs),
    };
    const open: ShardReader['open'] = (...of) => {
      const cursor = this.stream.open(...of);
      const read = async (signal: AbortSignal) => {
        const page = await cursor.read(signal);
        return { ...page, askedAt: page.askedAt + offset() };
      };
      return { read, askedSinceMs: null };
    };
    return this.worker(workerId, { clock, reader: this.reading({ open }) });
  }

  get flushes(): number {
    return this.controls('users', 'flush-table').length;
  }

  /** Time in which the stream keeps records for so long. */
  async pass(spans: number, keptSpans: number): Promise<void> {
    for (let passed = 0; passed < spans; passed += 1) {
      await this.clock.advance(span);
      this.stream.trim(this.clock.now() - keptSpans * span);
    }
  }

  /** What was written before a worker that has stopped, and what flushed. */
  async readAndStopped(): Promise<void> {
    const worker = this.worker('a');
    this.write('users', 'k:1');
    await this.clock.advance(5_000);
    await worker.stop();
    this.before = this.flushes;
  }

  /** From now on the stream keeps records for one span. */
  shorten(): void {
    this.stream.retentionMs = span;
    this.stream.trim(this.clock.now() - span);
  }

  /** What becomes of a key that is written now in the shard at `place`, and of the key `lost`, whose record has left the stream. */
  async readOn(lost: string, place = 0.1): Promise<Outcome> {
    const next = this.write('users', 'k:next', place);
    await this.clock.advance(60_000);
    return {
      isRead: this.eventsOf('users', 'k:next').join() === next,
      lostEvents: this.eventsOf('users', lost).length,
      isFlushed: this.flushes - this.before >= partitions,
    };
  }
}

export interface Outcome {
  /** Reading goes on. */
  readonly isRead: boolean;
  /** Events of the lost key. */
  readonly lostEvents: number;
  /** Each partition of the table was told that it may be stale. */
  readonly isFlushed: boolean;
}

/** What has to become of a loss. */
export const covered: Outcome = { isRead: true, lostEvents: 0, isFlushed: true };
