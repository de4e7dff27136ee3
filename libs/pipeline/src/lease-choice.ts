import { isAsked } from './lease-row.js';
import { type ShardLease } from './ports.js';
import { isReadable } from './shard-leases.js';
import { isEnded } from './watermark.js';

/**
 * Which leases are alive, judged without wall clocks: an owner that lives changes its row's counter, so a lease expires by how
 * long *this* worker, by its own monotonic clock, has seen the counter stand still.
 */
export class LeaseObserver {
  #seen = new Map<string, { readonly counter: number; readonly sinceMs: number }>();

  /** Takes note of a reading of every row. */
  observe(rows: readonly ShardLease[], monotonicMs: number): void {
    const seen = new Map<string, { readonly counter: number; readonly sinceMs: number }>();
    for (const { shardId, counter } of rows) {
      const before = this.#seen.get(shardId);
      seen.set(shardId, before?.counter === counter ? before : { counter, sinceMs: monotonicMs });
    }
    this.#seen = seen;
  }

  /** For how long the row has stood still, ms. */
  stillMs(lease: ShardLease, monotonicMs: number): number {
    const seen = this.#seen.get(lease.shardId);
    return seen?.counter === lease.counter ? monotonicMs - seen.sinceMs : 0;
  }
}

export interface LeaseChoiceInput {
  readonly rows: readonly ShardLease[];
  readonly workerId: string;
  /** Shards this worker reads. */
  readonly held: ReadonlySet<string>;
  /** Shards whose leases this worker has asked for, and not taken yet. */
  readonly askedFor: ReadonlySet<string>;
  /** For how long a row has stood still, ms. */
  readonly stillMs: (lease: ShardLease) => number;
  /** A lease that stood still for so long is expired, ms. */
  readonly failoverMs: number;
  /** Time between two looks of each worker at the rows, ms. */
  readonly scanEveryMs: number;
  /** Leases that one worker may hold. */
  readonly leasesMax: number;
}

export interface LeaseChoice {
  readonly lease: ShardLease;
  /** `asked`: of a worker that lives, which is to hand it over first. */
  readonly reason: TakeReason | 'asked';
}

/**
 * Why a lease can be taken at once. `handed-over`: this worker had asked for it. `regained`: it stands in the table as this worker's own: left there when it was
 * started anew under the same id, or when it let go of the shard.
 */
export type TakeReason = 'free' | 'expired' | 'handed-over' | 'regained';

/** A lease that nobody has taken after so many looks is taken beyond the fair share: what counts as another worker's room may be a dead one's. */
const overdueScans = 3;

/**
 * The leases to take now: what others have handed over, and free and expired ones up to a fair share of all that can be read; when there is none, one to ask
 * the most loaded worker for, if that evens them out. Which one follows from the rows alone, and another for each worker that asks.
 */
export function chooseLeases(input: LeaseChoiceInput): readonly LeaseChoice[] {
  const { workerId, held, askedFor, stillMs, failoverMs, leasesMax } = input;
  const readable = readableOf(input);
  const isExpired = (row: ShardLease): boolean => stillMs(row) >= failoverMs;
  const isMine = (row: ShardLease): boolean => row.owner === workerId && !isAsked(row);
  const isTakeable = (row: ShardLease): boolean =>
    !held.has(row.shardId) && (row.owner === null || isMine(row) || isExpired(row));
  const alive = readable.filter((row) => row.owner !== null && !isExpired(row));
  const others = countByOwner(alive.filter((row) => row.owner !== workerId));
  const awaited = alive.filter((row) => row.owner === workerId && isAsked(row) && !held.has(row.shardId)).length;
  const fairShare = Math.ceil(readable.length / (others.size + 1));

  const choices: LeaseChoice[] = [];
  for (const lease of readable.filter(isTakeable)) {
    const holds = held.size + awaited + choices.length;
    const isWelcome = holds < fairShare || overdueMs(lease, input) >= 0 || isMine(lease);
    if (holds < leasesMax && isWelcome) choices.push({ lease, reason: reasonOf(lease, askedFor, isExpired(lease)) });
  }
  const holds = held.size + awaited;
  if (choices.length > 0 || holds >= Math.min(fairShare, leasesMax)) return choices;

  const [victim, load] = [...others].reduce((most, each) => (each[1] > most[1] ? each : most), ['', 0]);
  if (load < holds + 2) return choices;
  const theirs = alive.filter((row) => row.owner === victim && !isAsked(row) && !held.has(row.shardId));
  const rank = [...others.keys(), workerId].sort().indexOf(workerId);
  const lease = theirs[rank % theirs.length];
  return lease === undefined ? choices : [{ lease, reason: 'asked' }];
}

/**
 * A shard that nobody reads though every worker has had the time to take it, and that this worker may not take, for it holds as many leases as it may; `undefined`: there
 * is none.
 */
export function leftUnread(input: LeaseChoiceInput): string | undefined {
  const { held, leasesMax, scanEveryMs } = input;
  if (held.size < leasesMax) return undefined;
  const isLeft = (row: ShardLease): boolean => overdueMs(row, input) >= overdueScans * scanEveryMs;
  return readableOf(input).find((row) => !held.has(row.shardId) && isLeft(row))?.shardId;
}

function readableOf({ rows }: LeaseChoiceInput): readonly ShardLease[] {
  const byId = new Map(rows.map((row) => [row.shardId, row]));
  return rows.filter((row) => row.problem === undefined && !isEnded(row) && isReadable(row, byId)).sort(byShardId);
}

/** For how long it could have been taken by whoever has room; negative: it is not overdue, ms. */
function overdueMs(lease: ShardLease, { stillMs, failoverMs, scanEveryMs }: LeaseChoiceInput): number {
  return stillMs(lease) - (lease.owner === null ? 0 : failoverMs) - overdueScans * scanEveryMs;
}

function reasonOf({ owner, shardId }: ShardLease, askedFor: ReadonlySet<string>, isExpired: boolean): TakeReason {
  if (owner === null) return 'free';
  if (isExpired) return 'expired';
  return askedFor.has(shardId) ? 'handed-over' : 'regained';
}

function countByOwner(rows: readonly ShardLease[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { owner } of rows) if (owner !== null) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

function byShardId(a: ShardLease, b: ShardLease): number {
  return a.shardId < b.shardId ? -1 : a.shardId > b.shardId ? 1 : 0;
}
