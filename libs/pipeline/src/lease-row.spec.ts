import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import {
  checkpointedLease,
  isAsked,
  isAskedOf,
  newLease,
  releasedLease,
  renewedLease,
  replacedLease,
  takenLease,
} from './lease-row.js';
import { type ShardLease } from './ports.js';

const fresh = newLease({ shardId: 's', parents: [], startHash: '0', endHash: '9' }, 'stream');
const claim = fc.option(fc.double({ min: 0, max: 1_000, noNaN: true }));

type Write = (row: ShardLease) => ShardLease;
const writes: fc.Arbitrary<readonly Write[]> = fc.array(
  fc.oneof(
    claim.map(
      (readUpTo): Write =>
        (row) =>
          renewedLease(row, readUpTo),
    ),
    fc.tuple(fc.nat(99), claim).map(
      ([at, readUpTo]): Write =>
        (row) =>
          checkpointedLease(row, String(at), readUpTo),
    ),
    fc.constantFrom('a', 'b').map(
      (owner): Write =>
        (row) =>
          takenLease(row, owner),
    ),
    fc.constant<Write>(releasedLease),
  ),
  { minLength: 1, maxLength: 20 },
);

describe('the rows of the lease table', () => {
  it('hazards 33 and 50: count every write, and never say that less was read', () => {
    fc.assert(
      fc.property(writes, (all) => {
        let row: ShardLease = fresh;
        for (const write of all) {
          const next = write(row);
          assert.equal(next.counter, row.counter + 1);
          assert.ok((next.readUpTo ?? -1) >= (row.readUpTo ?? -1));
          assert.ok(Number.isInteger(next.readUpTo ?? 0));
          row = next;
        }
        assert.equal(row.checkpoint, row.writtenCheckpoint);
      }),
      runs(),
    );
  });

  it('hazard 51: show a checkpoint that somebody reset, through every write that claims and checkpoints nothing', () => {
    const idle = fc.array(
      fc.constantFrom<Write>(
        (row) => renewedLease(row, row.readUpTo),
        (row) => takenLease(row, 'b'),
        releasedLease,
      ),
    );
    fc.assert(
      fc.property(idle, claim, (all, readUpTo) => {
        const reset = { ...checkpointedLease(fresh, '7', readUpTo), checkpoint: '3' };
        const row = all.reduce((each, write) => write(each), reset);
        assert.equal(`${row.checkpoint} ${row.writtenCheckpoint}`, '3 7');
        assert.equal(renewedLease(row, 2_000).writtenCheckpoint, '3');
        assert.equal(checkpointedLease(row, '4', null).writtenCheckpoint, '4');
      }),
      runs(),
    );
  });

  it('hazard 51: that take the place of another stream’s keep nothing of it but the count', () => {
    const old = checkpointedLease(takenLease(fresh, 'a'), '7', 50);
    const next = newLease({ shardId: 's', parents: ['p'], startHash: '1', endHash: '2' }, 'stream-2');
    expect(replacedLease(old, next)).toEqual({ ...next, counter: old.counter + 1 });
  });

  it('count how often they have changed hands since the last checkpoint', () => {
    const twice = takenLease(takenLease(fresh, 'a'), 'b');
    expect([twice.owner, twice.ownerSwitches, twice.counter]).toEqual(['b', 2, 2]);
    expect(checkpointedLease(twice, '7', null).ownerSwitches).toBe(0);
  });

  it('are asked of nobody once they are ended, whoever is still named there, and lose that name with the next renewal', () => {
    const named = { ...fresh, owner: 'a', checkpointOwner: 'a' };
    const ended = { ...named, checkpoint: 'SHARD_END' };
    expect([isAsked(named), isAskedOf(named, named)]).toEqual([true, true]);
    expect([isAsked(ended), isAskedOf(ended, ended)]).toEqual([false, false]);
    expect(renewedLease(named, null).checkpointOwner).toBe('a');
    const { checkpointOwner: _, ...rest } = ended;
    expect(renewedLease(ended, null)).toEqual({ ...rest, counter: 1 });
  });

  it('claim nothing where nothing is known', () => {
    expect([renewedLease(fresh, null).readUpTo, checkpointedLease(fresh, '7', null).readUpTo]).toEqual([null, null]);
  });
});
