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
  /** For how long a row has stood still, ms. */
  readonly stillMs: (lease: ShardLease) => number;
  /** A lease that stood still for so long is expired, ms. */
  readonly failoverMs: number;
  /** Leases that one worker may hold. */
  readonly leasesMax: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface LeaseChoice {
  readonly lease: ShardLease;
  readonly reason: 'free' | 'expired' | 'stolen';
}

/** A lease that nobody took for so many fail-over times is taken beyond the fair share: who should have taken it cannot. */
const overdueFailovers = 3;

/**
 * The leases to take now: free and expired ones up to a fair share of all that can be read; when there is none, one of the most
 * loaded worker's, if that evens them out.
 */
export function chooseLeases(input: LeaseChoiceInput): readonly LeaseChoice[] {
  const { rows, workerId, held, stillMs, failoverMs, leasesMax, random } = input;
  const byId = new Map(rows.map((row) => [row.shardId, row]));
  const readable = rows.filter((row) => row.problem === undefined && !isEnded(row) && isReadable(row, byId));
  const isExpired = (row: ShardLease): boolean => stillMs(row) >= failoverMs;
  const isTakeable = (row: ShardLease): boolean =>
    !held.has(row.shardId) && (row.owner === null || row.owner === workerId || isExpired(row));
  const others = countByOwner(
    readable.filter((row) => row.owner !== null && row.owner !== workerId && !isExpired(row)),
  );
  const fairShare = Math.ceil(readable.length / (others.size + 1));

  const choices: LeaseChoice[] = [];
  for (const lease of readable.filter(isTakeable).sort(byShardId)) {
    const holds = held.size + choices.length;
    const isOverdue = stillMs(lease) >= overdueFailovers * failoverMs;
    if (holds >= leasesMax || (holds >= fairShare && !isOverdue)) continue;
    choices.push({ lease, reason: lease.owner === null ? 'free' : 'expired' });
  }
  if (choices.length > 0 || held.size >= Math.min(fairShare, leasesMax)) return choices;

  const [victim, load] = [...others].reduce((most, each) => (each[1] > most[1] ? each : most), ['', 0]);
  if (load < held.size + 2) return choices;
  const theirs = readable.filter((row) => row.owner === victim && !held.has(row.shardId));
  const stolen = theirs[Math.floor(random() * theirs.length)];
  return stolen === undefined ? choices : [{ lease: stolen, reason: 'stolen' }];
}

function countByOwner(rows: readonly ShardLease[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { owner } of rows) if (owner !== null) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

function byShardId(a: ShardLease, b: ShardLease): number {
  return a.shardId < b.shardId ? -1 : a.shardId > b.shardId ? 1 : 0;
}
