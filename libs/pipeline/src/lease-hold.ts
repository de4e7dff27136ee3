import { type Clock, every, withDeadline } from '@tidemark/runtime';
import { type Hole } from './hole-flush.js';
import { isAskedOf, owingAs } from './lease-row.js';
import { type Checkpoint, type LeaseStore, type ShardLease } from './ports.js';
import { type RetryObserver } from './retry.js';
import { type StreamRetention } from './stream-retention.js';
import { credible, laterClaim } from './watermark.js';

export interface LeaseHoldOptions {
  readonly store: LeaseStore;
  readonly clock: Clock;
  /** A lease that could not be renewed for so long is given up, ms. */
  readonly failoverMs: number;
  /** Time between two writes of the row, ms. */
  readonly renewEveryMs: number;
  /** Deadline of one write, ms. */
  readonly callTimeoutMs: number;
  readonly observer: RetryObserver;
  /** For how long the stream keeps records stands in the row, for whoever takes the lease next. */
  readonly retention: StreamRetention;
}

const writing = 'writing the lease table';
/** Behind so many the lease expires, and is taken. */
const handOverAttemptsMax = 3;

/**
 * A lease while this worker holds it. Progress is noted in memory by `advance` and `claim`; one timer writes the row, so renewals and
 * checkpoints, which share the counter, never overlap, and the shard never waits for the lease table.
 *
 * `signal` is aborted when the lease is no longer ours: another worker took it, or no write succeeded within `failoverMs` by our own
 * monotonic clock, counted from before the last successful write was sent. Others count from when they saw that write: later. `asked` is aborted
 * when another worker asks for it: nothing is written any more then but `release`, and what is not handed over by the time the lease
 * would have expired is taken.
 */
export class LeaseHold {
  readonly #options: LeaseHoldOptions;
  readonly #over = new AbortController();
  readonly #asked = new AbortController();
  readonly #owner: string | null;
  /** How often the retention had been looked at when the lease was taken: whoever had it before may have seen it shorter since. */
  readonly #looks: number;
  readonly #stopRenewing: () => void;
  #row: ShardLease;
  #checkpoint: Checkpoint;
  #readUpTo: number | null;
  /** By table, the last of its changes that were left out; `undefined`: somebody else left them out. */
  readonly #owes: Map<string, Hole | undefined>;
  /** Kept apart from `readUpTo`, which a watermark may count while the row is not written as ended. */
  #endedAt: number | null = null;
  #children: readonly string[] | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #cancelExpiry: () => void = () => undefined;

  /** `takenAtMs`: monotonic time before the lease was asked for. */
  constructor(options: LeaseHoldOptions, row: ShardLease, takenAtMs: number) {
    this.#options = options;
    this.#row = row;
    this.#owner = row.owner;
    this.#looks = options.retention.looks;
    this.#checkpoint = row.checkpoint;
    this.#readUpTo = row.readUpTo;
    this.#owes = new Map(row.owes?.map((table) => [table, undefined]));
    this.#expireAfter(takenAtMs);
    this.#stopRenewing = every(options.clock, options.renewEveryMs, async () => void (await this.write()));
  }

  get shardId(): string {
    return this.#row.shardId;
  }

  /** The row as it was last written. */
  get row(): ShardLease {
    return this.#row;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Aborted when the lease is to be handed over. */
  get asked(): AbortSignal {
    return this.#asked.signal;
  }

  get readUpTo(): number | null {
    return this.#believed();
  }

  /** Everything up to this record is acknowledged. */
  advance(sequenceNumber: string): void {
    this.#checkpoint = sequenceNumber;
  }

  /** Everything that the shard accepted before `readUpTo` is acknowledged; ms since the epoch. */
  claim(readUpTo: number): void {
    this.#readUpTo = laterClaim(this.readUpTo, readUpTo);
  }

  /** Tables that are owed a flush, and what it must cover; `undefined`: all that was before this worker took the lease. */
  get owes(): ReadonlyMap<string, Hole | undefined> {
    return this.#owes;
  }

  /** Changes of the table were left out. Written with the checkpoint that passes them, so that neither stands in the row without the other. */
  owe(table: string, hole: Hole): void {
    this.#owes.set(table, hole);
  }

  /** The table was flushed, and the flush covers all that was left out of it. */
  settle(table: string): void {
    this.#owes.delete(table);
  }

  /** Takes note of a reading of the row: once it shows another owner at a later counter, the lease is over; or that it is asked for. */
  observe(row: ShardLease): void {
    if (row.counter < this.#row.counter) return;
    if (this.#isAskedIn(row)) this.#handOverSoon(row);
    else if (row.owner !== this.#row.owner && row.counter > this.#row.counter) this.drop('taken by another worker');
  }

  /** Writes what is known now: a checkpoint if it moved, else a renewal. Resolves to whether the row says so. */
  write(): Promise<boolean> {
    return this.#serially(() => {
      if (this.asked.aborted) return Promise.resolve(false);
      const { store } = this.#options;
      const { row, checkpoint, readUpTo } = this.#known;
      return this.#attempt((signal) =>
        checkpoint === row.checkpoint
          ? store.renew(row, readUpTo, signal)
          : store.checkpoint(row, checkpoint, readUpTo, signal),
      );
    });
  }

  /**
   * Marks the shard as read to its end, then lets go. `readUpTo`: a time before the end was seen, ms since the epoch; `null`: what may have
   * left the stream is not known. No watermark counts an ended row, so this claim only tells the children's readers that nothing is missing.
   */
  async end(readUpTo: number | null, children: readonly string[] = []): Promise<boolean> {
    this.#checkpoint = 'SHARD_END';
    this.#endedAt = readUpTo;
    if (children.length > 0) this.#children = [...children].sort();
    const ended = await this.write();
    if (ended) this.drop('the shard is read to its end');
    return ended;
  }

  /**
   * Writes what is known, gives the lease back, or over to the worker that asks for it, then lets go whatever came of it. To be called when
   * nothing of the shard is on its way to Kafka any more: whoever reads on may begin at once. Resolves to what the row says.
   */
  async release(): Promise<'released' | 'handed-over' | 'neither'> {
    await this.write();
    const { store } = this.#options;
    const isReleased = await this.#serially(() =>
      this.asked.aborted ? Promise.resolve(false) : this.#attempt((signal) => store.release(this.#row, signal)),
    );
    const isHandedOver = !isReleased && this.asked.aborted && (await this.#handOver());
    this.drop('released');
    return isReleased ? 'released' : isHandedOver ? 'handed-over' : 'neither';
  }

  /** Lets go, once the row says that every one of `tables` is owed a flush of all that was before the lease is next taken. Resolves to whether it does. */
  async dropOwing(tables: readonly string[], reason: string): Promise<boolean> {
    for (const table of tables) this.#owes.set(table, undefined);
    const isWritten = await this.write();
    if (isWritten) this.drop(reason);
    return isWritten;
  }

  /** Lets go without a word to the lease table, as a crash would. */
  drop(reason: string): void {
    this.#stopRenewing();
    this.#cancelExpiry();
    this.#over.abort(reason);
  }

  /** What fails is tried again for as long as nobody may take the lease anyway. */
  async #handOver(): Promise<boolean> {
    const { store } = this.#options;
    for (let attempts = 0; attempts < handOverAttemptsMax; attempts += 1) {
      const isDone = await this.#serially(() =>
        this.#attempt((signal) => {
          const { row, checkpoint, readUpTo } = this.#known;
          return store.handOver(row, checkpoint, readUpTo, signal);
        }),
      );
      if (isDone || this.signal.aborted) return isDone;
    }
    return false;
  }

  /** What the next write of the row says. */
  get #known(): { readonly row: ShardLease; readonly checkpoint: Checkpoint; readonly readUpTo: number | null } {
    const checkpoint = this.#checkpoint;
    const isEnd = checkpoint === 'SHARD_END';
    const children = isEnd ? this.#children : this.#row.children;
    const readUpTo = this.#believed();
    const { retention, clock } = this.#options;
    const hasLooked = retention.looks !== this.#looks;
    const retentionMs = retention.toTell(this.#row.retentionMs, readUpTo, clock.now(), hasLooked);
    const row = owingAs({ ...this.#row, children, owes: [...this.#owes.keys()].sort(), retentionMs }, this.#row);
    return { row, checkpoint, readUpTo: isEnd ? laterClaim(readUpTo, this.#endedAt) : readUpTo };
  }

  /** What was claimed while this worker's clock was ahead is forgotten for good: it does not become true when its time has come. */
  #believed(): number | null {
    const now = this.#options.clock.now();
    this.#readUpTo = credible(this.#readUpTo, now);
    if (credible(this.#row.readUpTo, now) === null) this.#row = { ...this.#row, readUpTo: null };
    return this.#readUpTo;
  }

  async #attempt(write: (signal: AbortSignal) => Promise<ShardLease | undefined>): Promise<boolean> {
    if (this.signal.aborted) return false;
    const { clock, callTimeoutMs, observer } = this.#options;
    const sentAtMs = clock.monotonicMs();
    try {
      const row = await withDeadline({ clock, timeoutMs: callTimeoutMs, what: writing, signal: this.signal }, write);
      observer.succeeded(writing);
      if (row === undefined) this.drop('taken by another worker');
      else if (this.#isAskedIn(row)) this.#handOverSoon(row);
      else if (!this.signal.aborted) this.#written(row, sentAtMs);
      return row !== undefined && !this.#isAskedIn(row);
    } catch (error) {
      if (!this.signal.aborted) observer.failed(writing, error);
      return false;
    }
  }

  #isAskedIn(row: ShardLease): boolean {
    return this.#owner !== null && isAskedOf({ ...this.#row, owner: this.#owner }, row);
  }

  #handOverSoon(row: ShardLease): void {
    this.#row = row;
    this.#stopRenewing();
    this.#asked.abort('another worker asks for the lease');
  }

  /** An answer that comes when the row is known to be asked for since is older than that. */
  #written(row: ShardLease, sentAtMs: number): void {
    if (row.counter > this.#row.counter) this.#row = row;
    this.#expireAfter(sentAtMs);
  }

  #expireAfter(sentAtMs: number): void {
    const { clock, failoverMs } = this.#options;
    this.#cancelExpiry();
    const leftMs = sentAtMs + failoverMs - clock.monotonicMs();
    this.#cancelExpiry = clock.setTimer(() => this.drop('not renewed in time'), leftMs);
  }

  #serially<T>(write: () => Promise<T>): Promise<T> {
    const next = this.#tail.then(write);
    this.#tail = next.catch(() => undefined);
    return next;
  }
}
