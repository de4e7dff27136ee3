import { type Finding, ok, problem, warning } from '../finding.js';

/** A shard as Kinesis lists it. */
export interface ListedShard {
  readonly shardId: string;
  readonly isOpen: boolean;
  /** Parents that are still listed. */
  readonly parents: readonly string[];
}

/** A row of the lease table, as far as it can be read. */
export interface LeaseLook {
  readonly shardId: string;
  readonly owner: string | null;
  readonly counter: number;
  readonly checkpoint: string;
  /** Tables whose changes were left out of what is checkpointed, and that are owed a flush. */
  readonly owes: readonly string[];
}

export interface LeaseFacts {
  readonly shards: readonly ListedShard[];
  readonly rows: readonly LeaseLook[];
  /** Keys of rows that are no lease that can be read. */
  readonly unreadable: readonly string[];
  /** The rows a while later; `undefined`: nobody waited. */
  readonly later: { readonly rows: readonly LeaseLook[]; readonly afterMs: number } | undefined;
}

const shardEnd = 'SHARD_END';

/** Whether every shard that still holds records is read by a worker that lives. */
export function leaseFindings(table: string, facts: LeaseFacts): readonly Finding[] {
  const { rows, shards, unreadable } = facts;
  const wrong = [
    ...unreadable.map((key) =>
      problem(
        key,
        'its row cannot be read as a lease',
        `delete the row from ${table}: sync makes it anew, and flushes`,
      ),
    ),
    ...(rows.length === 0 ? [nobody(table)] : uncovered(facts)),
    ...strangers(facts),
    ...parked(facts),
  ];
  if (wrong.length > 0) return wrong;
  return [ok(table, `${shards.length} shards, read by ${sharesText(rows)}`)];
}

function nobody(table: string): Finding {
  return problem(
    table,
    'holds no lease: no sync has ever read this stream',
    'start sync; run this again a minute later',
  );
}

/** Shards that nobody reads, though their turn has come: parents are read to their end before their children. */
function uncovered({ shards, rows, later }: LeaseFacts): Finding[] {
  const leases = new Map(rows.map((row) => [row.shardId, row]));
  const isDone = (shardId: string): boolean => leases.get(shardId)?.checkpoint === shardEnd;
  return shards.flatMap(({ shardId, parents, isOpen }) => {
    const lease = leases.get(shardId);
    if (isDone(shardId)) return [];
    if (parents.some((parent) => leases.has(parent) && !isDone(parent))) return [];
    if (lease === undefined)
      return isOpen
        ? [problem(shardId, 'has no lease', 'see why sync is not ready (/health/ready); it makes leases')]
        : [];
    if (lease.owner === null)
      return [problem(shardId, 'nobody reads it', 'start sync, or see why it is not ready (/health/ready)')];
    return standsStill(lease, later);
  });
}

function standsStill(lease: LeaseLook, later: LeaseFacts['later']): Finding[] {
  const now = later?.rows.find(({ shardId }) => shardId === lease.shardId);
  if (later === undefined || now === undefined) return [];
  if (now.counter !== lease.counter || now.owner !== lease.owner) return [];
  return [
    problem(
      lease.shardId,
      `its worker ${lease.owner} has not renewed the lease for ${Math.round(later.afterMs / 1_000)} s`,
      'if that worker is gone, another takes over within TIDEMARK_FAILOVER; if it runs, see its log and its CPU',
    ),
  ];
}

/** Rows of shards that the stream does not list: leases of what is trimmed go by themselves, those of another stream do not. */
function strangers({ shards, rows }: LeaseFacts): Finding[] {
  const listed = new Set(shards.map(({ shardId }) => shardId));
  const left = rows.filter(({ shardId, checkpoint }) => !listed.has(shardId) && checkpoint !== shardEnd);
  return left.map(({ shardId }) =>
    warning(shardId, 'has a lease, and is no shard of this stream', 'give each stream a lease table of its own'),
  );
}

/** The debt stands in the rows of the shards whose changes were left out. */
function parked({ rows }: LeaseFacts): Finding[] {
  const tables = [...new Set(rows.flatMap(({ owes }) => owes))].sort();
  return tables.map((table) =>
    problem(
      table,
      'is parked: its topic takes nothing, its changes are left out, and a flush is owed',
      'mend its table topic (missing, denied, max.message.bytes); sync goes on by itself. See TABLE_PARKED in docs/errors.md',
    ),
  );
}

function sharesText(rows: readonly LeaseLook[]): string {
  const shares = new Map<string, number>();
  for (const { owner, checkpoint } of rows)
    if (owner !== null && checkpoint !== shardEnd) shares.set(owner, (shares.get(owner) ?? 0) + 1);
  const texts = [...shares].sort(([a], [b]) => (a < b ? -1 : 1)).map(([owner, count]) => `${owner} (${count})`);
  return texts.length === 0 ? 'nobody' : texts.join(', ');
}
