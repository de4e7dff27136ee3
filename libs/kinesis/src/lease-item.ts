import { type AttributeValue } from '@aws-sdk/client-dynamodb';
import { type ShardLease } from '@tidemark/pipeline';
import { TidemarkError } from '@tidemark/runtime';

export type LeaseItem = Record<string, AttributeValue>;

/** Attributes of a lease: the Kinesis Client Library's, and five that are Tidemark's own. */
export const attribute = {
  shardId: 'leaseKey',
  owner: 'leaseOwner',
  counter: 'leaseCounter',
  checkpoint: 'checkpoint',
  subSequence: 'checkpointSubSequenceNumber',
  ownerSwitches: 'ownerSwitchesSinceCheckpoint',
  checkpointOwner: 'checkpointOwner',
  parents: 'parentShardId',
  children: 'childShardIds',
  startHash: 'startingHashKey',
  endHash: 'endingHashKey',
  readUpTo: 'readUpTo',
  streamId: 'streamId',
  writtenCheckpoint: 'writtenCheckpoint',
  owes: 'owedFlushes',
  retentionMs: 'retentionMs',
} as const;

/** Absent: no owner, nobody asked, no parents, no children, nothing known of what was read, of the stream, of what was written, of the retention. */
export function toItem(lease: ShardLease): LeaseItem {
  const { owner, parents, readUpTo, streamId, writtenCheckpoint, checkpointOwner, children = [], owes = [] } = lease;
  return {
    [attribute.shardId]: { S: lease.shardId },
    [attribute.counter]: { N: String(lease.counter) },
    [attribute.checkpoint]: { S: lease.checkpoint },
    [attribute.subSequence]: { N: '0' },
    [attribute.ownerSwitches]: { N: String(lease.ownerSwitches) },
    [attribute.startHash]: { S: lease.startHash },
    [attribute.endHash]: { S: lease.endHash },
    ...(owner === null ? {} : { [attribute.owner]: { S: owner } }),
    ...(checkpointOwner === undefined ? {} : { [attribute.checkpointOwner]: { S: checkpointOwner } }),
    ...(parents.length === 0 ? {} : { [attribute.parents]: { SS: [...parents] } }),
    ...(children.length === 0 ? {} : { [attribute.children]: { SS: [...children] } }),
    ...(readUpTo === null ? {} : { [attribute.readUpTo]: { N: String(readUpTo) } }),
    ...(streamId === '' ? {} : { [attribute.streamId]: { S: streamId } }),
    ...(writtenCheckpoint === null ? {} : { [attribute.writtenCheckpoint]: { S: writtenCheckpoint } }),
    ...(owes.length === 0 ? {} : { [attribute.owes]: { SS: [...owes] } }),
    ...(lease.retentionMs === undefined ? {} : { [attribute.retentionMs]: { N: String(lease.retentionMs) } }),
  };
}

/** Throws `MALFORMED_ITEM`, naming the attribute. */
export function fromItem(item: LeaseItem): ShardLease {
  const shardId = text(item, 'shardId');
  return {
    shardId,
    streamId: item[attribute.streamId] === undefined ? '' : text(item, 'streamId'),
    owner: item[attribute.owner] === undefined ? null : text(item, 'owner'),
    counter: wholeNumber(item, 'counter'),
    checkpoint: text(item, 'checkpoint'),
    writtenCheckpoint: item[attribute.writtenCheckpoint] === undefined ? null : text(item, 'writtenCheckpoint'),
    ownerSwitches: wholeNumber(item, 'ownerSwitches'),
    ...(item[attribute.checkpointOwner] === undefined ? {} : { checkpointOwner: text(item, 'checkpointOwner') }),
    parents: item[attribute.parents] === undefined ? [] : names(item, 'parents'),
    ...(item[attribute.children] === undefined ? {} : { children: names(item, 'children') }),
    startHash: hashKey(item, 'startHash'),
    endHash: hashKey(item, 'endHash'),
    readUpTo: item[attribute.readUpTo] === undefined ? null : wholeNumber(item, 'readUpTo'),
    ...(item[attribute.owes] === undefined ? {} : { owes: names(item, 'owes') }),
    ...(item[attribute.retentionMs] === undefined ? {} : { retentionMs: wholeNumber(item, 'retentionMs') }),
  };
}

function text(item: LeaseItem, field: keyof typeof attribute): string {
  const value = item[attribute[field]]?.S;
  return value ?? malformed(item, field, 'a string');
}

function names(item: LeaseItem, field: keyof typeof attribute): readonly string[] {
  const values = item[attribute[field]]?.SS;
  return values === undefined ? malformed(item, field, 'a set of strings') : [...values].sort();
}

function hashKey(item: LeaseItem, field: keyof typeof attribute): string {
  const value = text(item, field);
  return /^\d{1,39}$/.test(value) ? value : malformed(item, field, 'a hash key in decimal');
}

function wholeNumber(item: LeaseItem, field: keyof typeof attribute): number {
  const value = Number(item[attribute[field]]?.N);
  return Number.isSafeInteger(value) ? value : malformed(item, field, 'a whole number');
}

function malformed(item: LeaseItem, field: keyof typeof attribute, expected: string): never {
  const name = attribute[field];
  const shardId = item[attribute.shardId]?.S;
  throw new TidemarkError('MALFORMED_ITEM', `the lease of ${shardId}: ${name}: expected ${expected}`, {
    retriable: false,
    context: { shardId, name, expected },
  });
}
