import { type Checkpoint, type Shard, type ShardLease } from './ports.js';
import { isEnded, laterClaim } from './watermark.js';

/** What each write of the lease table makes of a row. Every store uses these, so that no two can differ. */

/** A row as it is created: nobody's, from the oldest record on, with nothing known. */
export function newLease({ shardId, parents, startHash, endHash }: Shard, streamId: string): ShardLease {
  return {
    shardId,
    streamId,
    owner: null,
    counter: 0,
    checkpoint: 'TRIM_HORIZON',
    writtenCheckpoint: 'TRIM_HORIZON',
    ownerSwitches: 0,
    parents,
    startHash,
    endHash,
    readUpTo: null,
  };
}

/** A row that cannot be read: of a shard that is open, nobody's to take, and of which nothing is known. */
export function malformedLease(shardId: string, problem: string): ShardLease {
  const shard = { shardId, parents: [], startHash: '0', endHash: '0' };
  return { ...newLease(shard, ''), counter: -1, writtenCheckpoint: null, problem };
}

/**
 * A claim goes with the checkpoint that it was made at, so a renewal without a new claim leaves a reset checkpoint recognisable. Nobody hands an ended shard over:
 * who is still named as asked there goes.
 */
export function renewedLease(row: ShardLease, readUpTo: number | null): ShardLease {
  const lease = isEnded(row) ? unasked(row) : row;
  const claim = laterClaim(lease.readUpTo, floored(readUpTo));
  const writtenCheckpoint = claim === lease.readUpTo ? lease.writtenCheckpoint : lease.checkpoint;
  return { ...lease, counter: lease.counter + 1, readUpTo: claim, writtenCheckpoint };
}

/** `row` as it stands in the table, with the debts, the children, the claim and the retention that `lease` says, which its owner is about to write. */
export function owingAs({ owes, children, readUpTo, retentionMs }: ShardLease, row: ShardLease): ShardLease {
  const { owes: _, ...rest } = { ...row, readUpTo };
  return {
    ...rest,
    ...(children === undefined ? {} : { children }),
    ...(retentionMs === undefined ? {} : { retentionMs }),
    ...(owes === undefined || owes.length === 0 ? {} : { owes }),
  };
}

export function checkpointedLease(lease: ShardLease, checkpoint: Checkpoint, readUpTo: number | null): ShardLease {
  return {
    ...lease,
    counter: lease.counter + 1,
    checkpoint,
    writtenCheckpoint: checkpoint,
    ownerSwitches: 0,
    readUpTo: laterClaim(lease.readUpTo, floored(readUpTo)),
  };
}

/** Whoever was asked to hand the lease over is not heard any more. */
export function takenLease(lease: ShardLease, owner: string): ShardLease {
  return { ...unasked(lease), owner, ownerSwitches: lease.ownerSwitches + 1, counter: lease.counter + 1 };
}

/**
 * Whether its owner waits for another worker to hand it over: nobody writes such a row but these two. Never an ended one: a release that knows of no hand-over may
 * have taken the lease, and read the shard to its end, with whoever was asked still named there.
 */
export function isAsked(lease: ShardLease): boolean {
  return lease.owner !== null && lease.checkpointOwner !== undefined && !isEnded(lease);
}

/**
 * Whether the owner of `lease` is asked in `row` to hand over this lease, or what one more write of its own made of it. One that was taken since is another lease,
 * even where whoever took it, of a release that knows of no hand-over, has left it there who was asked.
 */
export function isAskedOf(lease: ShardLease, row: ShardLease): boolean {
  const writes = row.counter - lease.counter;
  const isThisOne = (writes === 0 || writes === 1) && row.ownerSwitches <= lease.ownerSwitches;
  return lease.owner !== null && row.checkpointOwner === lease.owner && isThisOne && !isEnded(row);
}

/** `null`: it is nobody's, or already asked for, so that nobody can be asked to hand it over. */
export function askedLease(lease: ShardLease, owner: string): ShardLease | null {
  if (lease.owner === null || lease.owner === owner || isAsked(lease) || isEnded(lease)) return null;
  return { ...lease, owner, checkpointOwner: lease.owner };
}

export function handedOverLease(lease: ShardLease, checkpoint: Checkpoint, readUpTo: number | null): ShardLease {
  const row = unasked(lease);
  return checkpoint === row.checkpoint ? renewedLease(row, readUpTo) : checkpointedLease(row, checkpoint, readUpTo);
}

function unasked(lease: ShardLease): ShardLease {
  const { checkpointOwner: _, ...rest } = lease;
  return rest;
}

export function releasedLease(lease: ShardLease): ShardLease {
  return { ...lease, owner: null, counter: lease.counter + 1 };
}

/** `next` in the place of `lease`: the counter goes on, so that whoever held `lease` notices. */
export function replacedLease(lease: ShardLease, next: ShardLease): ShardLease {
  return { ...next, counter: lease.counter + 1 };
}

/** Rows hold whole milliseconds; a claim may say less than it could, never more. */
function floored(readUpTo: number | null): number | null {
  return readUpTo === null ? null : Math.floor(readUpTo);
}
