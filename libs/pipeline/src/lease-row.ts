import { type Checkpoint, type Shard, type ShardLease } from './ports.js';
import { laterClaim } from './watermark.js';

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

/** A claim goes with the checkpoint that it was made at, so a renewal without a new claim leaves a reset checkpoint recognisable. */
export function renewedLease(lease: ShardLease, readUpTo: number | null): ShardLease {
  const claim = laterClaim(lease.readUpTo, floored(readUpTo));
  const writtenCheckpoint = claim === lease.readUpTo ? lease.writtenCheckpoint : lease.checkpoint;
  return { ...lease, counter: lease.counter + 1, readUpTo: claim, writtenCheckpoint };
}

/** `row` as it stands in the table, with the debts of `lease`, which its owner is about to write. */
export function owingAs({ owes }: ShardLease, row: ShardLease): ShardLease {
  const { owes: _, ...rest } = row;
  return owes === undefined || owes.length === 0 ? rest : { ...rest, owes };
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

export function takenLease(lease: ShardLease, owner: string): ShardLease {
  return { ...lease, owner, ownerSwitches: lease.ownerSwitches + 1, counter: lease.counter + 1 };
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
