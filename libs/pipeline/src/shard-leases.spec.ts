import { describe, expect, it } from '@jest/globals';
import { type Shard, type ShardLease } from './ports.js';
import { isReadable, knownReadUpTo, missingLeases, newLease, planShardEnd, removableLeases } from './shard-leases.js';

const shard = (shardId: string, parents: readonly string[] = []): Shard => ({
  shardId,
  parents,
  startHash: '0',
  endHash: '9',
});
const row = (shardId: string, fields: Partial<ShardLease> = {}): ShardLease => ({
  ...newLease(shard(shardId)),
  ...fields,
});
const ended = (shardId: string, fields: Partial<ShardLease> = {}): ShardLease =>
  row(shardId, { checkpoint: 'SHARD_END', ...fields });
const ids = (rows: readonly ShardLease[]): readonly string[] => rows.map((each) => each.shardId);
const mapOf = (...rows: readonly ShardLease[]): ReadonlyMap<string, ShardLease> =>
  new Map(rows.map((each) => [each.shardId, each]));

describe('missingLeases', () => {
  it.each<[string, Shard[], ShardLease[], string[]]>([
    ['creates every shard of a stream seen for the first time', [shard('b'), shard('a')], [], ['a', 'b']],
    ['leaves children to the end of their parent', [shard('a'), shard('b', ['a'])], [row('a')], []],
    ['starts with the parents', [shard('a'), shard('b', ['a'])], [], ['a']],
    ['creates children whose parent is ended', [shard('a'), shard('b', ['a'])], [ended('a')], ['b']],
    ['waits for both parents of a merge', [shard('a'), shard('b'), shard('c', ['a', 'b'])], [ended('a'), row('b')], []],
    ['creates the child of parents that left the stream', [shard('c', ['gone'])], [], ['c']],
    ['completes a creation that broke off', [shard('a'), shard('b')], [row('a')], ['b']],
    ['creates nothing twice', [shard('a')], [row('a')], []],
  ])('%s', (_, shards, rows, expected) => {
    expect(ids(missingLeases(shards, rows))).toEqual(expected);
  });

  it('makes rows that are free, at the oldest record, with nothing known', () => {
    expect(missingLeases([shard('a')], [])).toEqual([
      {
        shardId: 'a',
        owner: null,
        counter: 0,
        checkpoint: 'TRIM_HORIZON',
        ownerSwitches: 0,
        parents: [],
        startHash: '0',
        endHash: '9',
        readUpTo: null,
      },
    ]);
  });
});

describe('planShardEnd (hazard 32)', () => {
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
  ])('%s', (_, shards, rows, expected) => {
    const plan = planShardEnd('a', shards, rows);
    expect({ create: ids(plan.create), ready: plan.ready }).toEqual(expected);
  });
});

describe('isReadable (hazard 32)', () => {
  const child = row('c', { parents: ['a', 'b'] });

  it('needs every parent that has a row to be ended', () => {
    expect(isReadable(child, mapOf(ended('a'), row('b')))).toBe(false);
    expect(isReadable(child, mapOf(ended('a'), ended('b')))).toBe(true);
    expect(isReadable(child, mapOf(ended('b')))).toBe(true);
    expect(isReadable(child, mapOf())).toBe(true);
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
