import { describe, expect, it } from '@jest/globals';
import { type LeaseHold } from './lease-hold.js';
import { newLease } from './lease-row.js';
import { ShardClaims } from './shard-claims.js';

const rowOf = (shardId: string, streamId: string) =>
  newLease({ shardId, parents: [], startHash: '0', endHash: '9' }, streamId);
const hold = (shardId: string, streamId: string, readUpTo: number | null, owes = new Map()) =>
  ({ row: rowOf(shardId, streamId), readUpTo, owes }) as unknown as LeaseHold;

describe('ShardClaims', () => {
  it('hazard 50: joins what was claimed to what is claimed now', () => {
    const claims = new ShardClaims();
    claims.note([hold('s', 'one', 5)], [], 100);
    claims.note([hold('s', 'one', 3), hold('t', 'one', null)], [], 100);
    expect(claims.snapshot()('one')).toEqual(new Map([['s', 5]]));
  });

  it('hazard 51: keeps the claims about one stream from another that uses the same shard ids', () => {
    const claims = new ShardClaims();
    claims.note([hold('s', 'one', 5)], [rowOf('s', 'two')], 100);
    expect(claims.snapshot()('two')).toEqual(new Map());
    expect(claims.snapshot()('one')).toEqual(new Map([['s', 5]]));
  });

  it('keeps a claim as long as the shard has a row, and a snapshot for ever', () => {
    const claims = new ShardClaims();
    claims.note([hold('s', 'one', 5)], [], 100);
    claims.note([], [rowOf('s', 'one')], 100);
    const snapshot = claims.snapshot();
    claims.note([], [], 100);
    expect(snapshot('one')).toEqual(new Map([['s', 5]]));
    expect(claims.snapshot()('one')).toEqual(new Map());
  });

  it('hazard 68: forgets what a clock that was ahead has claimed, and hides nothing behind it', () => {
    const claims = new ShardClaims();
    claims.note([hold('s', 'one', 360_000)], [], 360_000);
    claims.note([hold('s', 'one', 90)], [], 100);
    expect(claims.snapshot()('one')).toEqual(new Map([['s', 90]]));
  });

  it('takes no claim of a shard that owes a flush: only its row says that along with the debt', () => {
    const claims = new ShardClaims();
    claims.note([hold('s', 'one', 5)], [], 100);
    claims.note([hold('s', 'one', 9, new Map([['orders', undefined]]))], [], 100);
    expect(claims.snapshot()('one').get('s')).toBe(5);
  });
});
