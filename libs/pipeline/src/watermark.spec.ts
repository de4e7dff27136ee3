import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { newLease } from './lease-row.js';
import { type ShardLease } from './ports.js';
import { claimOf, coversKeySpace, laterClaim, lowestOpen, watermarkOf } from './watermark.js';

const hashes = 1n << 128n;
const none = new Map<string, number>();

function row(shardId: string, start: bigint, end: bigint, fields: Partial<ShardLease> = {}): ShardLease {
  const shard = { shardId, parents: [], startHash: start.toString(), endHash: end.toString() };
  return { ...newLease(shard, 'stream'), ...fields };
}

const lower = (fields: Partial<ShardLease> = {}): ShardLease => row('s1', 0n, hashes / 2n - 1n, fields);
const upper = (fields: Partial<ShardLease> = {}): ShardLease => row('s2', hashes / 2n, hashes - 1n, fields);
const whole = (fields: Partial<ShardLease> = {}): ShardLease => row('s0', 0n, hashes - 1n, fields);

describe('claimOf', () => {
  const page = { records: [], askedAt: 1_000, millisBehindLatest: 300, closed: false, gap: false };

  it('is the time before the request, less how far the page ends behind', () => {
    expect(claimOf(page)).toBe(700);
  });

  it('hazard 49: is nothing for a page that closes the shard', () => {
    expect(claimOf({ ...page, closed: true })).toBeNull();
  });

  it('is nothing for a page that cannot tell how far it ends behind', () => {
    expect(claimOf({ ...page, millisBehindLatest: null })).toBeNull();
  });
});

describe('laterClaim', () => {
  it.each([
    [null, null, null],
    [null, 5, 5],
    [5, null, 5],
    [5, 7, 7],
    [7, 5, 7],
  ])('joins %p and %p to %p', (a, b, expected) => {
    expect(laterClaim(a, b)).toBe(expected);
  });
});

describe('hazard 50: laterClaim joins', () => {
  const claim = fc.option(fc.integer());

  it('in any order, however often, and never to something earlier', () => {
    fc.assert(
      fc.property(claim, claim, claim, (a, b, c) => {
        assert.equal(laterClaim(a, b), laterClaim(b, a));
        assert.equal(laterClaim(a, laterClaim(b, c)), laterClaim(laterClaim(a, b), c));
        assert.equal(laterClaim(a, a), a);
        assert.ok((laterClaim(a, b) ?? -Infinity) >= (a ?? -Infinity));
      }),
      runs(),
    );
  });
});

describe('watermarkOf', () => {
  it('is the least claim of the open shards', () => {
    expect(watermarkOf([lower({ readUpTo: 10 }), upper({ readUpTo: 20 })], none)).toBe(10);
  });

  it('takes what the worker knows itself where that is later than the row: hazard 50', () => {
    const memory = new Map([
      ['s1', 30],
      ['s2', 5],
    ]);
    expect(watermarkOf([lower({ readUpTo: 10 }), upper({ readUpTo: 20 })], memory)).toBe(20);
  });

  it('hazard 32: is held back by a shard of which nothing is known', () => {
    expect(watermarkOf([lower({ readUpTo: 10 }), upper()], none)).toBeNull();
  });

  it('ignores ended shards', () => {
    const rows = [whole({ checkpoint: 'SHARD_END', readUpTo: 1 }), lower({ readUpTo: 10 }), upper({ readUpTo: 20 })];
    expect(watermarkOf(rows, none)).toBe(10);
  });

  it('hazard 49: does not exist while part of the key space is unknown', () => {
    expect(watermarkOf([whole({ checkpoint: 'SHARD_END', readUpTo: 9 }), upper({ readUpTo: 20 })], none)).toBeNull();
    expect(watermarkOf([], none)).toBeNull();
  });
});

describe('hazards 33 and 50: watermarkOf under whatever rows and memories', () => {
  const claims = fc.array(fc.option(fc.nat(1_000)), { minLength: 2, maxLength: 6 });
  const rowsOf = (values: readonly (number | null)[]): ShardLease[] =>
    values.map((readUpTo, index) => (index % 2 === 0 ? lower : upper)({ shardId: `s${index}`, readUpTo }));

  it('is no later than any shard has been claimed, and never earlier for a claim more', () => {
    fc.assert(
      fc.property(claims, claims, (stored, remembered) => {
        const rows = rowsOf(stored);
        const memory = new Map(remembered.flatMap((claim, index) => (claim === null ? [] : [[`s${index}`, claim]])));
        const joined = watermarkOf(rows, memory);
        const without = watermarkOf(rows, none);
        for (const { shardId, readUpTo } of rows) {
          const claimed = laterClaim(readUpTo, memory.get(shardId) ?? null);
          assert.ok(claimed === null ? joined === null : (joined ?? -Infinity) <= claimed);
        }
        assert.ok((joined ?? -Infinity) >= (without ?? -Infinity));
      }),
      runs(),
    );
  });
});

describe('lowestOpen', () => {
  it('is the first by id among the rows that are not ended', () => {
    expect(lowestOpen([upper(), lower(), whole({ checkpoint: 'SHARD_END' })])?.shardId).toBe('s1');
    expect(lowestOpen([lower(), upper()])?.shardId).toBe('s1');
    expect(lowestOpen([])).toBeUndefined();
  });
});

describe('coversKeySpace', () => {
  const cuts = fc.uniqueArray(fc.bigInt({ min: 1n, max: hashes - 1n }), { maxLength: 12 });
  const rangesOf = (points: readonly bigint[]): ShardLease[] => {
    const starts = [0n, ...[...points].sort((a, b) => (a < b ? -1 : 1))];
    return starts.map((start, index) => row(`s${index}`, start, (starts[index + 1] ?? hashes) - 1n));
  };

  it('holds for any cutting of the key space, in any order, with overlaps', () => {
    fc.assert(
      fc.property(cuts, fc.nat(), fc.boolean(), (points, seed, withParent) => {
        const ranges = rangesOf(points);
        const turned = [...ranges.slice(seed % ranges.length), ...ranges.slice(0, seed % ranges.length)];
        expect(coversKeySpace(withParent ? [...turned, whole()] : turned)).toBe(true);
      }),
      runs(10),
    );
  });

  it.each<[string, boolean, [bigint, bigint][]]>([
    [
      'in the order of their ends',
      true,
      [
        [0n, 4n],
        [5n, 9n],
        [10n, hashes - 1n],
      ],
    ],
    [
      'last first',
      true,
      [
        [10n, hashes - 1n],
        [5n, 9n],
        [0n, 4n],
      ],
    ],
    [
      'in no order',
      true,
      [
        [5n, 9n],
        [10n, hashes - 1n],
        [0n, 4n],
      ],
    ],
    [
      'of one key',
      true,
      [
        [0n, 0n],
        [1n, 1n],
        [2n, hashes - 1n],
      ],
    ],
    [
      'one within another',
      true,
      [
        [0n, 9n],
        [1n, 5n],
        [10n, hashes - 1n],
      ],
    ],
    [
      'two that begin together, the longer one last',
      true,
      [
        [0n, 3n],
        [0n, 9n],
        [10n, hashes - 1n],
      ],
    ],
    [
      'two that begin together, the longer one first',
      true,
      [
        [0n, 9n],
        [0n, 3n],
        [10n, hashes - 1n],
      ],
    ],
    ['without the first key', false, [[1n, hashes - 1n]]],
    ['without the last key', false, [[0n, hashes - 2n]]],
    [
      'with a hole of one key',
      false,
      [
        [0n, 4n],
        [6n, hashes - 1n],
      ],
    ],
    ['none', false, []],
  ])('of ranges %s: %j', (_, covers, ranges) => {
    expect(coversKeySpace(ranges.map(([start, end], at) => row(`s${at}`, start, end)))).toBe(covers);
  });

  it('fails when any range is missing, or falls short by one key', () => {
    fc.assert(
      fc.property(cuts, fc.nat(), fc.boolean(), (points, pick, byOne) => {
        const ranges = rangesOf(points);
        const index = pick % ranges.length;
        const short = ranges.flatMap((range, at) => {
          if (at !== index) return [range];
          const end = BigInt(range.endHash) - 1n;
          return byOne && end >= BigInt(range.startHash) ? [{ ...range, endHash: end.toString() }] : [];
        });
        expect(coversKeySpace(short)).toBe(false);
      }),
      runs(10),
    );
  });
});
