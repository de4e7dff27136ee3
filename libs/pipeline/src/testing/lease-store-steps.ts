import assert from 'node:assert/strict';
import { type LeaseStore, type ShardLease } from '../ports.js';

const { signal } = new AbortController();

/** A row of the lease table: a free one of a whole stream, but for what is given. */
export function lease(shardId: string, fields: Partial<ShardLease> = {}): ShardLease {
  return {
    shardId,
    streamId: 'stream:1',
    owner: null,
    counter: 0,
    checkpoint: 'TRIM_HORIZON',
    writtenCheckpoint: 'TRIM_HORIZON',
    ownerSwitches: 0,
    parents: [],
    startHash: '0',
    endHash: '340282366920938463463374607431768211455',
    readUpTo: null,
    ...fields,
  };
}

/** A store with one row, which `owner` has taken. */
export async function taken(make: () => Promise<LeaseStore>): Promise<{ store: LeaseStore; row: ShardLease }> {
  const store = await make();
  const free = lease('s1');
  await store.create(free, signal);
  const row = await store.take(free, 'owner', signal);
  assert.ok(row);
  return { store, row };
}

/** Every row, by shard. */
export async function sorted(store: LeaseStore): Promise<readonly ShardLease[]> {
  return [...(await store.list(signal))].sort((a, b) => (a.shardId < b.shardId ? -1 : 1));
}
