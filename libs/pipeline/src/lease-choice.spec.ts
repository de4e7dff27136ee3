import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { chooseLeases, type LeaseChoice, type LeaseChoiceInput, LeaseObserver } from './lease-choice.js';
import { newLease } from './lease-row.js';
import { type ShardLease } from './ports.js';

const row = (shardId: string, owner: string | null, fields: Partial<ShardLease> = {}): ShardLease => ({
  ...newLease({ shardId, parents: [], startHash: '0', endHash: '9' }, 'stream'),
  owner,
  ...fields,
});

function choose(rows: readonly ShardLease[], fields: Partial<LeaseChoiceInput> = {}): readonly LeaseChoice[] {
  const held = new Set(rows.filter((each) => each.owner === 'me').map((each) => each.shardId));
  return chooseLeases({
    rows,
    workerId: 'me',
    held,
    askedFor: new Set(),
    stillMs: () => 0,
    failoverMs: 10_000,
    leasesMax: 100,
    scanEveryMs: 1_000,
    ...fields,
  });
}

const told = (choices: readonly LeaseChoice[]): readonly string[] =>
  choices.map(({ lease, reason }) => `${lease.shardId} ${reason}`);

describe('chooseLeases', () => {
  const still = (...shardIds: readonly string[]) => ({
    stillMs: (lease: ShardLease) => (shardIds.includes(lease.shardId) ? 10_000 : 0),
  });

  it.each<[string, ShardLease[], Partial<LeaseChoiceInput>, string[]]>([
    ['takes every free lease when it is alone', [row('b', null), row('a', null)], {}, ['a free', 'b free']],
    [
      'takes its fair share of free leases',
      [row('a', 'x'), row('b', null), row('c', null), row('d', null)],
      {},
      ['b free', 'c free'],
    ],
    ['takes an expired lease', [row('a', 'x'), row('b', 'x')], still('a', 'b'), ['a expired', 'b expired']],
    ['leaves a live lease alone when the load is even', [row('a', 'x'), row('b', 'me')], {}, []],
    ['asks the most loaded for one', [row('a', 'y'), row('b', 'x'), row('c', 'x')], {}, ['b asked']],
    ['asks for one where that evens the load', [row('a', 'x'), row('b', 'x'), row('c', 'x')], {}, ['a asked']],
    [
      'does not ask for what it still reads, though it has lost the lease',
      [row('a', 'x'), row('b', 'x'), row('c', 'x')],
      { held: new Set(['a']) },
      ['b asked'],
    ],
    ['does not ask back and forth', [row('a', 'x'), row('b', 'x'), row('c', 'me')], {}, []],
    [
      'prefers an expired lease to asking',
      [row('a', 'x'), row('b', 'x'), row('c', 'x'), row('d', 'y')],
      still('d'),
      ['d expired'],
    ],
    [
      'takes what was handed over to it',
      [row('a', 'me')],
      { held: new Set(), askedFor: new Set(['a']) },
      ['a handed-over'],
    ],
    [
      'takes back what is its own, and tells it from what it had asked for',
      [row('a', 'me'), row('b', 'me')],
      { held: new Set(), askedFor: new Set(['b']) },
      ['a regained', 'b handed-over'],
    ],
    ['takes what is free, whoever had asked for it', [row('a', null)], { askedFor: new Set(['a']) }, ['a free']],
    [
      'takes what was handed over to it beyond its fair share, for nobody else will before it expires',
      [row('a', 'me'), row('b', 'x'), row('c', 'me')],
      { held: new Set(['a', 'gone']), askedFor: new Set(['c']) },
      ['c handed-over'],
    ],
    [
      'waits for what it has asked for, and asks for no more than evens the load out',
      [row('a', 'me', { checkpointOwner: 'x' }), row('b', 'x'), row('c', 'x')],
      { held: new Set() },
      [],
    ],
    [
      'asks for another one while it waits, where that evens the load out',
      [row('a', 'me', { checkpointOwner: 'x' }), ...[...'bcdef'].map((id) => row(id, 'x'))],
      { held: new Set() },
      ['b asked'],
    ],
    [
      'takes what is not handed over in time',
      [row('a', 'me', { checkpointOwner: 'x' }), row('b', 'x')],
      { held: new Set(), ...still('a') },
      ['a expired'],
    ],
    [
      'asks for nothing that another worker has asked for',
      [row('a', 'x', { checkpointOwner: 'y' }), row('b', 'x'), row('c', 'x')],
      {},
      ['b asked'],
    ],
    [
      'takes what a worker of a release without hand-over has released, whoever had been asked for it',
      [row('a', null, { checkpointOwner: 'y' })],
      {},
      ['a free'],
    ],
    ['does not take what it holds, even when its row stands still', [row('a', 'me')], still('a'), []],
    ['does not take ended shards', [row('a', null, { checkpoint: 'SHARD_END' })], {}, []],
    ['does not take a child before its parents are ended', [row('a', 'x'), row('b', null, { parents: ['a'] })], {}, []],
    [
      'takes no more than it may hold',
      [row('a', null), row('b', null), row('c', null)],
      { leasesMax: 2 },
      ['a free', 'b free'],
    ],
    [
      'takes an overdue lease beyond its fair share',
      [row('a', 'me'), row('b', 'me'), row('c', null), row('d', 'x'), row('e', 'y')],
      { stillMs: (lease) => (lease.shardId === 'c' ? 3_000 : 0) },
      ['c free'],
    ],
    [
      'leaves a lease that is not overdue yet to whoever has room for it',
      [row('a', 'me'), row('b', 'me'), row('c', null), row('d', 'x'), row('e', 'y')],
      { stillMs: (lease) => (lease.shardId === 'c' ? 2_999 : 0) },
      [],
    ],
    [
      'takes an expired lease beyond its fair share as soon as those who seem to have room for it have not, for they may be dead',
      [row('a', 'me'), row('b', 'me'), row('c', 'gone'), row('d', 'x'), row('e', 'y')],
      { stillMs: (lease) => (lease.shardId === 'c' ? 13_000 : 0) },
      ['c expired'],
    ],
    [
      'leaves an expired lease to whoever has room for it',
      [row('a', 'me'), row('b', 'me'), row('c', 'gone'), row('d', 'x'), row('e', 'y')],
      { stillMs: (lease) => (lease.shardId === 'c' ? 12_999 : 0) },
      [],
    ],
    [
      'takes no overdue lease beyond what it may hold',
      [row('a', 'me'), row('b', null)],
      { stillMs: () => 30_000, leasesMax: 1 },
      [],
    ],
    [
      'asks for nothing while something is free',
      [row('a', 'x'), row('b', 'x'), row('c', 'x'), row('d', 'x'), row('e', null)],
      {},
      ['e free'],
    ],
    [
      'asks for nothing beyond its fair share, however uneven the others are',
      [...'abcd'].map((id) => row(id, 'x')).concat(row('e', 'y'), row('f', 'z'), row('g', 'me'), row('h', 'me')),
      {},
      [],
    ],
    [
      'asks for nothing beyond what it may hold',
      [...'abcde'].map((id) => row(id, 'x')).concat(row('f', 'me')),
      { leasesMax: 1 },
      [],
    ],
    [
      'asks for another one than the next worker does',
      [row('a', 'x'), row('b', 'x'), row('c', 'x'), row('d', 'x'), row('e', 'x'), row('f', 'a-worker')],
      {},
      ['b asked'],
    ],
    [
      'takes the first by id, in whatever order they are listed',
      [row('c', null), row('a', null), row('d', null), row('b', null)],
      { leasesMax: 3 },
      ['a free', 'b free', 'c free'],
    ],
  ])('%s', (_, rows, fields, expected) => {
    expect(told(choose(rows, fields))).toEqual(expected);
  });

  it('never takes a live lease of somebody else except one, never more than it may, and comes to rest', () => {
    const owner = fc.constantFrom(null, 'w1', 'w2', 'w3');
    fc.assert(
      fc.property(fc.array(owner, { minLength: 1, maxLength: 12 }), (owners) => {
        let rows = owners.map((each, index) => row(`s${String(index).padStart(2, '0')}`, each));
        const workers = ['w1', 'w2', 'w3'];
        let moves = 0;
        for (let round = 0; round < 60; round += 1) {
          const workerId = workers[round % 3] ?? 'w1';
          const held = new Set(rows.filter((each) => each.owner === workerId).map((each) => each.shardId));
          const choices = choose(rows, { workerId, held });
          expect(choices.filter(({ reason }) => reason === 'asked').length).toBeLessThanOrEqual(1);
          for (const { lease } of choices) expect(held.has(lease.shardId)).toBe(false);
          const taken = new Set(choices.map(({ lease }) => lease.shardId));
          rows = rows.map((each) => (taken.has(each.shardId) ? { ...each, owner: workerId } : each));
          moves = round >= 45 ? moves + choices.length : 0;
        }
        const loads = workers.map((id) => rows.filter((each) => each.owner === id).length);
        expect(rows.every((each) => each.owner !== null)).toBe(true);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        expect(moves).toBe(0);
      }),
      runs(20),
    );
  });
});

describe('LeaseObserver', () => {
  it('counts from when it last saw the counter change', () => {
    const observer = new LeaseObserver();
    const lease = row('a', 'x', { counter: 3 });
    observer.observe([lease], 100);
    observer.observe([lease], 900);
    expect(observer.stillMs(lease, 1_000)).toBe(900);
    const renewed = { ...lease, counter: 4 };
    observer.observe([renewed], 1_100);
    expect(observer.stillMs(renewed, 1_200)).toBe(100);
  });

  it('knows nothing against a row it has not seen', () => {
    expect(new LeaseObserver().stillMs(row('a', 'x'), 99_999)).toBe(0);
  });
});
