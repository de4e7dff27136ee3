import { describe, expect, it } from '@jest/globals';
import { type Shard } from './ports.js';
import { newLease } from './lease-row.js';
import { ShardRoll } from './shard-roll.js';

const shard = (shardId: string): Shard => ({ shardId, parents: [], startHash: '0', endHash: '9' });
const now = 1_000_000;
const rows = (...shardIds: readonly string[]) => shardIds.map((shardId) => newLease(shard(shardId), 'stream'));

describe('ShardRoll', () => {
  it('allows nothing before the stream was listed', () => {
    expect(new ShardRoll().bound(rows('a'), now)).toBeNull();
  });

  it('allows nothing later than the last listing', () => {
    const roll = new ShardRoll();
    roll.note([shard('a')], 100);
    expect(roll.bound(rows('a'), now)).toBe(100);
    roll.note([shard('a')], 200);
    expect(roll.bound(rows('a'), now)).toBe(200);
  });

  it('allows nothing by a listing that was dated while the clock was ahead', () => {
    const roll = new ShardRoll();
    roll.note([], now + 360_000);
    expect(roll.bound(rows('a'), now)).toBeNull();
    roll.note([shard('b')], now + 1_000);
    roll.note([shard('b')], now + 2_000);
    expect(roll.bound(rows('a'), now + 2_000)).toBeNull();
    expect(roll.bound(rows('b'), now + 2_000)).toBe(now + 2_000);
  });

  it('knows up to when a shard had no children, also behind a listing that leaves them out, and when it has left the stream', () => {
    const roll = new ShardRoll();
    expect(roll.childlessUpTo('a', now)).toBeNull();
    roll.note([shard('a')], 100);
    expect(roll.childlessUpTo('a', now)).toBe(100);
    const child = { ...shard('b'), parents: ['a'] };
    roll.note([shard('a'), child], 200);
    roll.note([shard('a'), child, { ...child, shardId: 'c' }], 300);
    expect([roll.childlessUpTo('a', now), roll.childlessUpTo('b', now)]).toEqual([100, 300]);
    roll.note([shard('a')], 400);
    roll.note([shard('a'), child], 500);
    roll.note([shard('b')], 600);
    expect(roll.childlessUpTo('a', now)).toBe(100);
    const late = new ShardRoll();
    late.note([shard('a'), child], 400);
    expect(late.childlessUpTo('a', now)).toBeNull();
  });

  it('knows nothing of children by a listing that was dated while the clock was ahead, until the next one', () => {
    const roll = new ShardRoll();
    roll.note([shard('a')], now + 360_000);
    expect(roll.childlessUpTo('a', now)).toBeNull();
    expect([roll.listedAt(now), roll.childlessUpTo('a', now + 360_000)]).toEqual([null, null]);
    roll.note([shard('a')], now);
    expect([roll.listedAt(now), roll.childlessUpTo('a', now)]).toEqual([now, now]);
  });

  it('believes such a date neither when its time has come', () => {
    const ahead = now + 360_000;
    const roll = new ShardRoll();
    roll.note([shard('a')], ahead);
    roll.note([shard('a'), shard('c'), { ...shard('b'), parents: ['a'] }], ahead + 1_000);
    roll.note([shard('a')], now);
    roll.note([shard('a')], ahead + 2_000);
    expect([roll.childlessUpTo('a', ahead + 2_000), roll.bound(rows('a'), ahead + 2_000)]).toEqual([
      null,
      ahead + 2_000,
    ]);
    roll.note([shard('a'), shard('c')], ahead + 3_000);
    expect(roll.bound(rows('a'), ahead + 3_000)).toBeNull();
  });

  it('takes a shard that a listing has left out for no younger than it was', () => {
    const roll = new ShardRoll();
    roll.note([shard('a')], 100);
    roll.note([shard('a'), shard('b')], 200);
    roll.note([shard('a')], 300);
    roll.note([shard('a'), shard('b')], 400);
    expect(roll.bound(rows('a'), now)).toBe(100);
  });

  it('remembers a bounded number of shards that are listed no more, those that came last', () => {
    const roll = new ShardRoll();
    roll.note([shard('s-0')], 0);
    const last = 10_010;
    for (let n = 1; n <= last; n += 1) roll.note([{ ...shard(`s-${n}`), parents: [`s-${n - 1}`] }], n);
    expect([roll.childlessUpTo('s-0', now), roll.childlessUpTo(`s-${last - 1}`, now)]).toEqual([last, last - 1]);
  });

  it('allows nothing while a shard of the first listing has no row', () => {
    const roll = new ShardRoll();
    roll.note([shard('a'), shard('b')], 100);
    roll.note([shard('a'), shard('b')], 200);
    expect(roll.bound(rows('a'), now)).toBeNull();
    expect(roll.bound(rows('a', 'b'), now)).toBe(200);
  });

  it('allows nothing later than the last listing without a shard that has no row', () => {
    const roll = new ShardRoll();
    roll.note([shard('a')], 100);
    roll.note([shard('a'), shard('b')], 200);
    roll.note([shard('a'), shard('b')], 300);
    expect(roll.bound(rows('a'), now)).toBe(100);
    expect(roll.bound(rows('a', 'b'), now)).toBe(300);
  });

  it('allows nothing later than the earliest of those listings, where several shards have no row', () => {
    const roll = new ShardRoll();
    roll.note([shard('a')], 100);
    roll.note([shard('a'), shard('b')], 200);
    roll.note([shard('a'), shard('b'), shard('c')], 300);
    expect([roll.bound(rows('a'), now), roll.bound(rows('a', 'b'), now)]).toEqual([100, 200]);
  });

  it('forgets shards that left the stream', () => {
    const roll = new ShardRoll();
    roll.note([shard('a'), shard('b')], 100);
    roll.note([shard('b')], 200);
    expect(roll.bound(rows('b'), now)).toBe(200);
  });
});
