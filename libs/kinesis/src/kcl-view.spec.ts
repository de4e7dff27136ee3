import { describe, expect, it } from '@jest/globals';
import {
  askedLease,
  checkpointedLease,
  handedOverLease,
  newLease,
  releasedLease,
  renewedLease,
  type ShardLease,
  takenLease,
} from '@tidemark/pipeline';
import { isDestinationItem, toDestinationItem } from './destination-item.js';
import { fromItem, type LeaseItem, toItem } from './lease-item.js';

/** Attributes of KCL's lease item by the names of its own serializer (`DynamoDBLeaseSerializer`), with their DynamoDB types. */
const kclAttributes: Readonly<Record<string, 'S' | 'N' | 'SS'>> = {
  leaseKey: 'S',
  leaseOwner: 'S',
  leaseCounter: 'N',
  checkpoint: 'S',
  checkpointSubSequenceNumber: 'N',
  ownerSwitchesSinceCheckpoint: 'N',
  checkpointOwner: 'S',
  parentShardId: 'SS',
  childShardIds: 'SS',
  startingHashKey: 'S',
  endingHashKey: 'S',
};

/** What a consumer that knows KCL's items alone does not look at. */
const ownAttributes: Readonly<Record<string, 'S' | 'N' | 'SS'>> = {
  readUpTo: 'N',
  streamId: 'S',
  writtenCheckpoint: 'S',
  owedFlushes: 'SS',
  retentionMs: 'N',
};

const shard = { shardId: 'shardId-2', parents: ['shardId-0', 'shardId-1'], startHash: '0', endHash: '99' };
const created = newLease(shard, 'stream:1');
const taken = takenLease(created, 'worker-a');
const renewed = renewedLease(taken, 700);
const checkpointed = checkpointedLease(renewed, '4959', 800);
const asked = some(askedLease(checkpointed, 'worker-b'));
const handedOver = handedOverLease(asked, '4960', 900);
const ended = checkpointedLease({ ...handedOver, children: ['shardId-3', 'shardId-4'] }, 'SHARD_END', 950);

function some(lease: ShardLease | null): ShardLease {
  if (lease === null) throw new Error('no lease');
  return lease;
}

/** A row as KCL sees it. */
function kclView(item: LeaseItem): LeaseItem {
  return Object.fromEntries(Object.entries(item).filter(([name]) => name in kclAttributes));
}

const base = {
  leaseKey: { S: 'shardId-2' },
  checkpointSubSequenceNumber: { N: '0' },
  parentShardId: { SS: ['shardId-0', 'shardId-1'] },
  startingHashKey: { S: '0' },
  endingHashKey: { S: '99' },
};

describe('a lease in each of its states, as the Kinesis Client Library reads it', () => {
  it.each<[string, ShardLease, LeaseItem]>([
    [
      'created: free, from the oldest record',
      created,
      { leaseCounter: { N: '0' }, checkpoint: { S: 'TRIM_HORIZON' }, ownerSwitchesSinceCheckpoint: { N: '0' } },
    ],
    [
      'taken: an owner, one switch, the counter one further',
      taken,
      {
        leaseOwner: { S: 'worker-a' },
        leaseCounter: { N: '1' },
        checkpoint: { S: 'TRIM_HORIZON' },
        ownerSwitchesSinceCheckpoint: { N: '1' },
      },
    ],
    [
      'renewed: the counter, and nothing else',
      renewed,
      {
        leaseOwner: { S: 'worker-a' },
        leaseCounter: { N: '2' },
        checkpoint: { S: 'TRIM_HORIZON' },
        ownerSwitchesSinceCheckpoint: { N: '1' },
      },
    ],
    [
      'checkpointed: no switch since',
      checkpointed,
      {
        leaseOwner: { S: 'worker-a' },
        leaseCounter: { N: '3' },
        checkpoint: { S: '4959' },
        ownerSwitchesSinceCheckpoint: { N: '0' },
      },
    ],
    [
      'asked for: owned by who asked, checkpointed by who is asked, the same counter',
      asked,
      {
        leaseOwner: { S: 'worker-b' },
        checkpointOwner: { S: 'worker-a' },
        leaseCounter: { N: '3' },
        checkpoint: { S: '4959' },
        ownerSwitchesSinceCheckpoint: { N: '0' },
      },
    ],
    [
      'handed over: the last checkpoint, nobody asked, the counter one further',
      handedOver,
      {
        leaseOwner: { S: 'worker-b' },
        leaseCounter: { N: '4' },
        checkpoint: { S: '4960' },
        ownerSwitchesSinceCheckpoint: { N: '0' },
      },
    ],
    [
      'taken by force: nobody asked',
      takenLease(asked, 'worker-b'),
      {
        leaseOwner: { S: 'worker-b' },
        leaseCounter: { N: '4' },
        checkpoint: { S: '4959' },
        ownerSwitchesSinceCheckpoint: { N: '1' },
      },
    ],
    [
      'ended: with its children',
      ended,
      {
        leaseOwner: { S: 'worker-b' },
        leaseCounter: { N: '5' },
        checkpoint: { S: 'SHARD_END' },
        ownerSwitchesSinceCheckpoint: { N: '0' },
        childShardIds: { SS: ['shardId-3', 'shardId-4'] },
      },
    ],
    [
      'released: free again',
      releasedLease(checkpointed),
      { leaseCounter: { N: '4' }, checkpoint: { S: '4959' }, ownerSwitchesSinceCheckpoint: { N: '0' } },
    ],
  ])('%s', (_, lease, expected) => {
    const item = toItem(lease);
    expect(kclView(item)).toEqual({ ...base, ...expected });
    expect(fromItem(item)).toEqual(lease);
  });

  it('has no attribute but these, each of its type', () => {
    const types: Record<string, string> = { ...kclAttributes, ...ownAttributes };
    for (const lease of [created, asked, ended, { ...handedOver, owes: ['users'] }])
      for (const [name, value] of Object.entries(toItem(lease)))
        expect({ [name]: Object.keys(value) }).toEqual({ [name]: [types[name]] });
  });

  it('is told from the looks at streaming destinations in the same table, which are no leases', () => {
    const look = { status: 'ACTIVE', description: null, precision: 'MICROSECOND', lookedAt: 5 };
    expect(isDestinationItem(toDestinationItem('users', look))).toBe(true);
    for (const lease of [created, asked, ended]) expect(isDestinationItem(toItem(lease))).toBe(false);
  });
});
