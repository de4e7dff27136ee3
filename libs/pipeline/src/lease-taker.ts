import { chooseLeases, leftUnread, LeaseObserver, type TakeReason } from './lease-choice.js';
import { isAsked } from './lease-row.js';
import { type ShardLease } from './ports.js';
import { type SyncMetrics } from './sync-metrics.js';
import { type ResolvedSyncOptions } from './sync-options.js';
import { isEnded } from './watermark.js';

export interface LeaseTakerPorts {
  readonly options: ResolvedSyncOptions;
  readonly metrics: SyncMetrics;
  /** Makes one call to the lease table. */
  readonly call: <T>(what: string, call: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** A lease is this worker's from now on. `takenAtMs`: monotonic time before it was asked for. */
  readonly onTaken: (row: ShardLease, takenAtMs: number) => void;
}

/** Takes the leases that are this worker's to take, and asks others for what evens the load out. */
export class LeaseTaker {
  readonly #ports: LeaseTakerPorts;
  readonly #observer = new LeaseObserver();
  /** Shards whose leases were asked for, under this worker's id, and are not taken yet. */
  #askedFor = new Set<string>();
  #awaits = false;
  #unread: string | undefined;

  constructor(ports: LeaseTakerPorts) {
    this.#ports = ports;
  }

  /** Whether another worker is to hand a lease over, by the last scan. */
  get awaits(): boolean {
    return this.#awaits;
  }

  /** Why a shard that nobody reads is not this worker's to read either, by the last scan; `null`: there is none. */
  get problem(): string | null {
    if (this.#unread === undefined) return null;
    return `${this.#unread}: nobody reads it, and this worker reads as many shards as it may (${this.#ports.options.shardsMax}): start another`;
  }

  /** Takes note of a reading of every row. */
  observe(rows: readonly ShardLease[]): void {
    this.#observer.observe(rows, this.#ports.options.clock.monotonicMs());
  }

  /** `held`: shards that this worker reads. */
  async take(rows: readonly ShardLease[], held: ReadonlySet<string>): Promise<void> {
    const { clock, workerId, failoverMs, scanEveryMs, shardsMax } = this.#ports.options;
    const nowMs = clock.monotonicMs();
    const stillMs = (lease: ShardLease): number => this.#observer.stillMs(lease, nowMs);
    this.#noteAsked(rows);
    const limits = { failoverMs, scanEveryMs, leasesMax: shardsMax };
    const input = { rows, workerId, held, askedFor: this.#askedFor, stillMs, ...limits };
    const choices = chooseLeases(input);
    this.#unread = leftUnread(input);
    this.#awaits = rows.some((row) => row.owner === workerId && isAsked(row));
    for (const { lease, reason } of choices) {
      if (reason === 'asked') await this.#askFor(lease);
      else await this.#take(lease, reason);
    }
  }

  /** What was asked for is remembered until it is taken, or another worker's. The question is in the row also where its answer was lost. */
  #noteAsked(rows: readonly ShardLease[]): void {
    const mine = rows.filter(({ owner }) => owner === this.#ports.options.workerId);
    const asked = mine.filter((row) => isAsked(row) || this.#askedFor.has(row.shardId));
    this.#askedFor = new Set(asked.map(({ shardId }) => shardId));
  }

  async #take(lease: ShardLease, reason: TakeReason): Promise<void> {
    const { options, metrics, call, onTaken } = this.#ports;
    const { clock, leases, workerId, log } = options;
    const takenAtMs = clock.monotonicMs();
    const row = await call('taking a lease', (signal) => leases.take(lease, workerId, signal));
    // Ended: the choice was made from rows read before this worker's own runner came to the end of the shard.
    if (row === undefined || isEnded(row)) return;
    this.#askedFor.delete(lease.shardId);
    metrics.leaseTaken(reason);
    log.info({ shardId: lease.shardId, reason, before: lease.checkpointOwner ?? lease.owner }, 'a lease was taken');
    onTaken(row, takenAtMs);
  }

  /** Its owner ends what it has in hand, and hands the lease over; one that does not answer lets it expire. */
  async #askFor(lease: ShardLease): Promise<void> {
    const { options, metrics, call } = this.#ports;
    const { leases, workerId, log } = options;
    this.#askedFor.add(lease.shardId);
    const row = await call('asking for a lease', (signal) => leases.ask(lease, workerId, signal));
    if (row === undefined) return;
    this.#awaits = true;
    metrics.leasesAsked.value += 1;
    log.info({ shardId: lease.shardId, before: lease.owner }, 'another worker was asked for a lease');
  }
}
