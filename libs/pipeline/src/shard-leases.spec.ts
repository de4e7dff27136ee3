import { describe, expect, it } from '@jest/globals';
import { newLease } from './lease-row.js';
import { type Shard, type ShardLease } from './ports.js';
import {
  alignLeases,
  holeBefore,
  isReadable,
  knownReadUpTo,
  missingLeases,
  planShardEnd,
  removableLeases,
} from './shard-leases.js';
import { StreamRetention } from './stream-retention.js';

const shard = (shardId: string, parents: readonly string[] = []): Shard => ({
  shardId,
  parents,
  startHash: '0',
  endHash: '9',
});
const row = (shardId: string, fields: Partial<ShardLease> = {}): ShardLease => ({
  ...newLease(shard(shardId), 'stream'),
  ...fields,
});
const ended = (shardId: string, fields: Partial<ShardLease> = {}): ShardLease =>
  row(shardId, { checkpoint: 'SHARD_END', writtenCheckpoint: 'SHARD_END', ...fields });
const ids = (rows: readonly ShardLease[]): readonly string[] => rows.map((each) => each.shardId);
const mapOf = (...rows: readonly ShardLease[]): ReadonlyMap<string, ShardLease> =>
  new Map(rows.map((each) => [each.shardId, each]));

describe('missingLeases', () => {
  it.each<[string, Shard[], ShardLease[], string[]]>([
    ['creates every shard of a stream seen for the first time', [shard('b'), shard('a')], [], ['a', 'b']],
    [
      'creates them in the order of their ids, however they are listed',
      [...'dacb'].map((id) => shard(id)),
      [],
      ['a', 'b', 'c', 'd'],
    ],
    ['leaves children to the end of their parent', [shard('a'), shard('b', ['a'])], [row('a')], []],
    ['starts with the parents', [shard('a'), shard('b', ['a'])], [], ['a']],
    ['creates children whose parent is ended', [shard('a'), shard('b', ['a'])], [ended('a')], ['b']],
    ['waits for both parents of a merge', [shard('a'), shard('b'), shard('c', ['a', 'b'])], [ended('a'), row('b')], []],
    ['creates the child of parents that left the stream', [shard('c', ['gone'])], [], ['c']],
    ['completes a creation that broke off', [shard('a'), shard('b')], [row('a')], ['b']],
    ['creates nothing twice', [shard('a')], [row('a')], []],
  ])('%s', (_, shards, rows, expected) => {
    expect(ids(missingLeases(shards, rows, 'stream'))).toEqual(expected);
  });

  it('makes rows that are free, at the oldest record, with nothing known', () => {
    expect(missingLeases([shard('a')], [], 'stream:1')).toEqual([
      {
        shardId: 'a',
        streamId: 'stream:1',
        owner: null,
        counter: 0,
        checkpoint: 'TRIM_HORIZON',
        writtenCheckpoint: 'TRIM_HORIZON',
        ownerSwitches: 0,
        parents: [],
        startHash: '0',
        endHash: '9',
        readUpTo: null,
      },
    ]);
  });
});

describe('hazard 32: planShardEnd', () => {
  it.each<[string, Shard[], ShardLease[], { create: string[]; ready: boolean }]>([
    [
      'creates both children of a split',
      [shard('a'), shard('c', ['a']), shard('b', ['a'])],
      [row('a')],
      { create: ['b', 'c'], ready: true },
    ],
    [
      'creates the child of a merge before the other parent has ended',
      [shard('a'), shard('b'), shard('c', ['a', 'b'])],
      [row('a'), row('b')],
      { create: ['c'], ready: true },
    ],
    [
      'makes the other parent of a merge known first',
      [shard('a'), shard('b'), shard('c', ['a', 'b'])],
      [row('a')],
      { create: ['b', 'c'], ready: true },
    ],
    ['waits until the stream lists the children', [shard('a')], [row('a')], { create: [], ready: false }],
    [
      'creates nothing that is there',
      [shard('a'), shard('b', ['a'])],
      [row('a'), row('b')],
      { create: [], ready: true },
    ],
    [
      'ends a shard that left the stream after what is there now is known',
      [shard('b'), shard('c')],
      [row('a')],
      { create: ['b', 'c'], ready: true },
    ],
    [
      'ends a shard that left the stream as the last parent of its child',
      [shard('b', ['a']), shard('c', ['d']), shard('d')],
      [row('a'), row('d')],
      { create: ['b'], ready: true },
    ],
    [
      'makes every other parent of a child known first, in order',
      [shard('e', ['a', 'd']), shard('a'), shard('d'), shard('c'), shard('b', ['a', 'c'])],
      [row('a')],
      { create: ['c', 'd', 'b', 'e'], ready: true },
    ],
  ])('%s', (_, shards, rows, expected) => {
    const plan = planShardEnd('a', shards, rows, 'stream');
    expect({ create: ids(plan.create), ready: plan.ready }).toEqual(expected);
  });
});

describe('hazard 32: isReadable', () => {
  const child = row('c', { parents: ['a', 'b'] });

  it('needs every parent that has a row to be ended', () => {
    expect(isReadable(child, mapOf(ended('a'), row('b')))).toBe(false);
    expect(isReadable(child, mapOf(ended('a'), ended('b')))).toBe(true);
    expect(isReadable(child, mapOf(ended('b')))).toBe(true);
    expect(isReadable(child, mapOf())).toBe(true);
  });
});

describe('hazard 51: alignLeases', () => {
  const foreign = (shardId: string, fields: Partial<ShardLease> = {}): ShardLease =>
    row(shardId, { streamId: 'old', ...fields });
  const align = (shards: Shard[], rows: ShardLease[]) => {
    const { create, replace, remove } = alignLeases(shards, rows, 'stream');
    return { create: ids(create), replace: replace.map(([, next]) => next.shardId), remove: ids(remove) };
  };

  it.each<[string, Shard[], ShardLease[], { create?: string[]; replace?: string[]; remove?: string[] }]>([
    ['leaves the rows of this stream alone', [shard('a')], [row('a')], {}],
    [
      'replaces the row of a shard id that is used again, read to its end or not',
      [shard('a'), shard('b')],
      [foreign('a', { checkpoint: 'SHARD_END' }), foreign('b')],
      { replace: ['a', 'b'] },
    ],
    [
      'removes the rows of the other stream that no shard takes',
      [shard('a')],
      [foreign('a'), foreign('b'), foreign('c')],
      { replace: ['a'], remove: ['b', 'c'] },
    ],
    [
      'takes an ended row of the other stream for no parent that has ended',
      [shard('a'), shard('b', ['a'])],
      [foreign('a', { checkpoint: 'SHARD_END' }), foreign('b')],
      { replace: ['a'], remove: ['b'] },
    ],
    [
      'creates what neither stream has had',
      [shard('a'), shard('b')],
      [foreign('a')],
      { create: ['b'], replace: ['a'] },
    ],
    [
      'replaces a row of which nobody has said the stream',
      [shard('a')],
      [row('a', { streamId: '' })],
      { replace: ['a'] },
    ],
  ])('%s', (_, shards, rows, expected) => {
    expect(align(shards, rows)).toStrictEqual({ create: [], replace: [], remove: [], ...expected });
  });

  it('puts a row in its place of which nothing is known', () => {
    const [[before, next] = []] = alignLeases(
      [shard('a')],
      [foreign('a', { readUpTo: 5, owner: 'w' })],
      'stream',
    ).replace;
    expect(before?.readUpTo).toBe(5);
    expect(next).toEqual(row('a'));
  });
});

describe('holeBefore', () => {
  const keeping100 = new StreamRetention(10);
  keeping100.note(110, 0);
  const hole = (lease: ShardLease, ...rows: ShardLease[]) =>
    holeBefore(lease, mapOf(lease, ...rows), 1_000, keeping100);

  it.each<[string, ReturnType<typeof hole>, string | null]>([
    ['hazard 51: a row of which nothing is known, as after the lease table was lost', hole(row('a')), 'nothing-known'],
    [
      'hazard 51: a checkpoint that no worker wrote',
      hole(row('a', { checkpoint: '9', writtenCheckpoint: '3', readUpTo: 999 })),
      'checkpoint-reset',
    ],
    [
      'hazard 51: a checkpoint of which nobody said that he wrote it',
      hole(row('a', { writtenCheckpoint: null, readUpTo: 999 })),
      'checkpoint-reset',
    ],
    ['hazard 36: a claim older than the limit', hole(row('a', { readUpTo: 899 })), 'records-may-have-expired'],
    ['no hole behind a claim that is young enough', hole(row('a', { readUpTo: 900 })), null],
    [
      'no hole in a child whose parents are known to be read',
      hole(row('c', { parents: ['a', 'b'] }), ended('a', { readUpTo: 950 }), ended('b', { readUpTo: 960 })),
      null,
    ],
    [
      'hazard 36: a child whose parents were read too long ago',
      hole(row('c', { parents: ['a'] }), ended('a', { readUpTo: 899 })),
      'records-may-have-expired',
    ],
    [
      'hazard 32: a child one of whose parents is unknown',
      hole(row('c', { parents: ['a', 'b'] }), ended('a', { readUpTo: 950 })),
      'nothing-known',
    ],
  ])('%s', (_, found, expected) => {
    expect(found).toBe(expected);
  });
});

describe('removableLeases', () => {
  it('are the ended rows of shards that left the stream, once their children are read', () => {
    const unread = row('c', { parents: ['b'] });
    const read = row('e', { parents: ['d'], readUpTo: 1 });
    const rows = [ended('a'), ended('b'), ended('d'), ended('listed'), row('open'), unread, read];
    expect(ids(removableLeases([shard('listed')], rows))).toEqual(['a', 'd']);
  });
});

describe('knownReadUpTo', () => {
  it.each<[string, ShardLease, ShardLease[], number | null]>([
    ['is what the row says', row('c', { readUpTo: 5, parents: ['a'] }), [ended('a', { readUpTo: 9 })], 5],
    [
      'is the least of the parents for a shard never read',
      row('c', { parents: ['a', 'b'] }),
      [ended('a', { readUpTo: 9 }), ended('b', { readUpTo: 7 })],
      7,
    ],
    [
      'is the least of the parents, whichever comes first',
      row('c', { parents: ['a', 'b'] }),
      [ended('a', { readUpTo: 7 }), ended('b', { readUpTo: 9 })],
      7,
    ],
    ['is unknown without parents', row('c'), [], null],
    ['is unknown when a parent is', row('c', { parents: ['a', 'b'] }), [ended('a', { readUpTo: 9 }), ended('b')], null],
    [
      'is unknown for a checkpoint that carries no time',
      row('c', { checkpoint: '17', parents: ['a'] }),
      [ended('a', { readUpTo: 9 })],
      null,
    ],
  ])('%s', (_, lease, rows, expected) => {
    expect(knownReadUpTo(lease, mapOf(...rows))).toBe(expected);
  });
});
