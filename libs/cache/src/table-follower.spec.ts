import { type Route } from '@tidemark/protocol';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { newCacheStats } from './cache-stats.js';
import { Coherence } from './coherence.js';
import { LruL1 } from './l1.js';
import { type FlushNote, TableFollower } from './table-follower.js';

const route = (topics: Record<string, number>, over: Partial<Route> = {}): Route => ({
  table: 'things',
  version: 1,
  writerEpoch: 1,
  topics,
  deleted: Object.keys(topics).length === 0,
  changedAt: 0,
  changedBy: 'test',
  ...over,
});

let follower: TableFollower;
let flushes: FlushNote[];
let coherence: Coherence;

beforeEach(() => {
  flushes = [];
  follower = new TableFollower('things', (note) => flushes.push(note));
  coherence = new Coherence({
    l1: new LruL1({ maxEntries: 100, maxBytes: 1_000_000 }),
    stats: newCacheStats(),
    mode: 'update',
    partitionOf: (key) => follower.partitionOf(`things:${key}`),
    decode: () => 'decoded',
    sameValue: (a, b) => a === b,
  });
  follower.addCache('things', coherence);
});

const fill = (key: string): void =>
  coherence.completeFill(coherence.beginFill(key), {
    value: 'v',
    writeId: 'A',
    expiresAt: 0,
    readAt: 1,
    payloadBytes: 1,
  });
const holds = (key: string): boolean => coherence.peek(key) !== undefined;

describe('TableFollower', () => {
  it('keeps nothing and has no watermark before each partition was announced', () => {
    follower.applyRoute(route({ a: 1 }));
    expect(follower.live).toBe(false);
    follower.setPartitionCount(2);
    follower.applyWatermark('a', 0, 100, 1);
    expect([follower.live, follower.watermark]).toEqual([false, 0]);
    follower.applyWatermark('a', 1, 90, 1);
    expect([follower.live, follower.watermark]).toEqual([true, 90]);
  });

  it('hazard 50: the watermark never goes back', () => {
    follower.applyRoute(route({ a: 1 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 100, 1);
    follower.applyWatermark('a', 0, 50, 1);
    expect(follower.watermark).toBe(100);
  });

  it('hazard 47: a higher since flushes its partition alone; a lower one is ignored', () => {
    follower.applyRoute(route({ a: 3 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 100, 3);
    fill('k');
    follower.applyWatermark('a', 0, 110, 3);
    follower.applyWatermark('a', 0, 110, 2);
    expect(holds('k')).toBe(true);
    follower.applyWatermark('a', 0, 120, 4);
    expect(holds('k')).toBe(false);
  });

  it('hazard 31: follows a new topic from its first watermark on, flushing then', () => {
    follower.applyRoute(route({ a: 1 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 100, 1);
    fill('k');
    follower.applyRoute(route({ a: 1, b: 2 }));
    expect([...follower.topics].sort()).toEqual(['a', 'b']);
    expect(holds('k')).toBe(true);
    follower.applyWatermark('a', 0, 110, 1);
    expect(follower.watermark).toBe(110);
    follower.applyWatermark('b', 0, 105, 2);
    expect(holds('k')).toBe(false);
    expect([...follower.topics]).toEqual(['b']);
    expect(follower.watermark).toBe(110);
    follower.applyWatermark('a', 0, 500, 1);
    expect(follower.watermark).toBe(110);
  });

  it('hazard 66: a topic that comes back flushes by its fresh since', () => {
    follower.applyRoute(route({ a: 1 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 100, 1);
    follower.applyRoute(route({ b: 2 }));
    follower.applyWatermark('b', 0, 101, 2);
    follower.applyRoute(route({ a: 3 }));
    fill('k');
    follower.applyWatermark('a', 0, 102, 3);
    expect(holds('k')).toBe(false);
    expect([...follower.topics]).toEqual(['a']);
  });

  it('a gap flushes the partition and what is in flight, and leaves the watermark', () => {
    follower.applyRoute(route({ a: 1 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 100, 1);
    fill('k');
    const fence = coherence.beginFill('l');
    follower.flushPartition('a', 0, 'gap');
    coherence.completeFill(fence, { value: 'v', writeId: 'A', expiresAt: 0, readAt: 1, payloadBytes: 1 });
    expect([holds('k'), holds('l'), follower.watermark]).toEqual([false, false, 100]);
  });

  it('drops everything and keeps nothing more when its route is deleted', () => {
    follower.applyRoute(route({ a: 1 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 100, 1);
    fill('k');
    follower.applyRoute(route({}));
    expect([holds('k'), follower.live, follower.watermark]).toEqual([false, false, 0]);
    fill('k');
    expect(holds('k')).toBe(false);
  });

  it('ignores a zombie writer’s route', () => {
    follower.applyRoute(route({ a: 1 }, { writerEpoch: 5 }));
    follower.applyRoute(route({ b: 9 }, { writerEpoch: 4 }));
    expect(follower.target).toBe('a');
  });

  it('flushes and starts again when partition counts differ', () => {
    follower.applyRoute(route({ a: 1 }));
    expect(follower.setPartitionCount(2)).toBe('ok');
    follower.applyWatermark('a', 0, 1, 1);
    follower.applyWatermark('a', 1, 1, 1);
    expect(follower.setPartitionCount(3)).toBe('mismatch');
    expect(follower.live).toBe(false);
    expect(flushes.at(-1)).toMatchObject({ partition: undefined });
  });
});
