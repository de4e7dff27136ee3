import { followedTopic, type Route } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { newCacheStats } from './cache-stats.js';
import { Coherence } from './coherence.js';
import { newL1 } from './l1/l1.js';
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
    l1: newL1({ eviction: 'lru', maxEntries: 100, maxBytes: 1_000_000 }),
    stats: newCacheStats(),
    mode: 'update',
    partitionOf: (key) => follower.placeOf(`things:${key}`),
    hold: () => ({ value: 'decoded', bytes: 1 }),
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
    bytes: 1,
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

  it('takes nobody into a read that began before partitions were known, neither then nor when they are gone again', () => {
    const fence = coherence.beginFill('k');
    expect([coherence.joinable(fence), follower.partitionOf('things:k')]).toEqual([true, undefined]);
    follower.applyRoute(route({ a: 1 }));
    follower.setPartitionCount(1);
    expect(coherence.joinable(fence)).toBe(false);
    follower.unfollow('route deleted');
    expect(coherence.joinable(fence)).toBe(false);
    fill('k');
    expect(holds('k')).toBe(false);
  });

  it('says the place of the last record as its progress, which goes back where the table topic has begun anew', () => {
    follower.applyRoute(route({ a: 1 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 10, 1);
    follower.noteProgress('a', 0, 10_000);
    expect(follower.progress).toEqual({ topics: ['a'], progress: [10_000] });
    follower.flushPartition('a', 0, 'records of the table topic were lost');
    follower.noteProgress('a', 0, 0);
    follower.noteProgress('b', 0, 20_000);
    expect(follower.progress).toEqual({ topics: ['a'], progress: [0] });
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

  it('hazard 47: a since that no route that was read names flushes, and claims nothing until one does', () => {
    follower.applyRoute(route({ a: 1 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 100, 3);
    expect([follower.live, follower.watermark]).toEqual([false, 0]);
    follower.applyRoute(route({ a: 3 }));
    follower.applyWatermark('a', 0, 110, 3);
    expect([follower.live, follower.watermark]).toEqual([true, 110]);
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
    coherence.completeFill(fence, { value: 'v', writeId: 'A', expiresAt: 0, readAt: 1, bytes: 1 });
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

  it.each<[string, () => void]>([
    ['a route is deleted', () => follower.applyRoute(route({}, { version: 2 }))],
    ['it is unfollowed', () => follower.unfollow('closed')],
    ['partitions are added', () => follower.setPartitionCount(2)],
  ])('keeps nothing that a listener began to read in the flush when %s', (_what, happens) => {
    let fence: ReturnType<Coherence['beginFill']> | undefined;
    let flushing = false;
    follower.addCache('things', coherence, () => {
      if (flushing) fence ??= coherence.beginFill('k');
    });
    follower.applyRoute(route({ a: 1 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 100, 1);
    flushing = true;
    happens();
    for (const partition of [0, 1]) follower.applyWatermark('a', partition, 200, 1);
    if (fence === undefined) throw new Error('no flush was told');
    coherence.completeFill(fence, { value: 'old', writeId: 'A', expiresAt: 0, readAt: 1, bytes: 1 });
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

describe('a topic that is not for everybody', () => {
  const follow = (service: string, ...buckets: string[]): TableFollower => {
    const own = new TableFollower('things', (note) => flushes.push(note), service);
    for (const bucket of buckets) own.addCache(bucket, coherence);
    return own;
  };
  const limited = (limits: Route['limited'], topics = { a: 1 }) => route(topics, { limited: limits ?? {} });

  it('is followed by the pods of its service alone, however late it was added', () => {
    const routed = limited({ b: { since: 5, services: ['orders'] } });
    const targets = ['orders', 'users', ''].map((service) => {
      const own = follow(service, 'things');
      own.applyRoute(routed);
      return own.target;
    });
    expect(targets).toEqual(['b', 'a', 'a']);
  });

  it('is followed only by a pod all of whose caches it carries', () => {
    const own = follow('orders', 'things');
    own.applyRoute(limited({ b: { since: 5, buckets: ['things'] } }));
    expect(own.target).toBe('b');
    own.addCache('others', coherence);
    expect(own.target).toBe('a');
  });

  it('and is all there is, leaves a pod that it is not for without anything to keep', () => {
    follower.applyRoute(route({ a: 1 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 100, 1);
    fill('k');
    follower.applyRoute(route({}, { deleted: false, limited: { b: { since: 2, services: ['orders'] } } }));
    expect([holds('k'), follower.live, follower.target]).toEqual([false, false, undefined]);
    expect(flushes.at(-1)?.reason).toBe('no topic of the route is for this pod');
  });

  it('claims nothing by a watermark from before, or from after, the filter that this pod has read of', () => {
    follower.applyRoute(limited({ b: { since: 3, buckets: ['things'] } }));
    follower.setPartitionCount(1);
    follower.applyWatermark('b', 0, 100, 2);
    expect([follower.live, follower.watermark]).toEqual([false, 0]);
    follower.applyWatermark('b', 0, 101, 3);
    expect([follower.live, follower.watermark]).toEqual([true, 101]);
    fill('k');
    follower.applyWatermark('b', 0, 102, 4);
    expect([holds('k'), follower.watermark]).toEqual([false, 101]);
    follower.applyRoute(limited({ b: { since: 4, buckets: ['things', 'others'] } }));
    follower.applyWatermark('b', 0, 103, 4);
    expect(follower.watermark).toBe(103);
  });

  it('is told from one of other buckets, whichever was added last', () => {
    const b = { since: 2, buckets: ['things'] };
    const c = { since: 3, buckets: ['others'] };
    follower.applyRoute(route({}, { deleted: false, limited: { b, c } }));
    expect(follower.target).toBe('b');
    follower.setPartitionCount(1);
    follower.applyWatermark('b', 0, 100, 2);
    fill('k');
    follower.applyRoute(route({}, { deleted: false, limited: { c } }));
    expect([holds('k'), follower.target]).toEqual([false, undefined]);
  });

  it('is left when it carries the pod no more, and the one of everybody followed from its first watermark on', () => {
    follower.applyRoute(limited({ b: { since: 3, buckets: ['things'] } }));
    follower.setPartitionCount(1);
    follower.applyWatermark('b', 0, 100, 3);
    fill('k');
    follower.applyRoute(limited({ b: { since: 4, buckets: ['others'] } }));
    expect([holds('k'), [...follower.topics].sort()]).toEqual([true, ['a', 'b']]);
    follower.applyWatermark('b', 0, 105, 4);
    expect(follower.watermark).toBe(100);
    follower.applyWatermark('a', 0, 110, 1);
    expect([holds('k'), [...follower.topics], follower.watermark]).toEqual([false, ['a'], 110]);
  });
});

describe('a routing table that has begun anew', () => {
  beforeEach(() => {
    follower.applyRoute(route({ a: 17 }, { version: 17, writerEpoch: 9 }));
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 100, 17);
    fill('k');
    follower.restartRoutes();
  });

  it('leaves its route in force, and flushes nothing, until another one comes', () => {
    follower.applyWatermark('a', 0, 110, 17);
    follower.applyRoute(route({ a: 17 }, { version: 17, writerEpoch: 9 }));
    follower.applyWatermark('a', 0, 120, 17);
    expect([holds('k'), follower.target, follower.watermark]).toEqual([true, 'a', 120]);
  });

  it('is followed under a lower epoch and version, from a flush on, also past a dispatcher that has not heard of it', () => {
    follower.applyRoute(route({ a: 1 }, { version: 1, writerEpoch: 1 }));
    follower.applyWatermark('a', 0, 110, 17);
    expect([holds('k'), follower.watermark]).toEqual([false, 100]);
    fill('k');
    follower.applyWatermark('a', 0, 120, 1);
    expect([holds('k'), follower.watermark]).toEqual([false, 120]);
    fill('k');
    follower.applyWatermark('a', 0, 130, 1);
    expect([holds('k'), follower.watermark]).toEqual([true, 130]);
  });

  it('flushes once: what changes in the new one afterwards flushes nothing by itself', () => {
    follower.applyRoute(route({ a: 1 }, { version: 1, writerEpoch: 1 }));
    follower.applyWatermark('a', 0, 110, 1);
    fill('k');
    for (const [version, over] of [{ paused: true } as const, {}, {}].entries()) {
      follower.applyRoute(route({ a: 1 }, { version: version + 2, writerEpoch: 1, ...over }));
      follower.applyWatermark('a', 0, 120 + version, 1);
    }
    expect([holds('k'), follower.watermark]).toEqual([true, 122]);
  });

  it('flushes although the route says the since of before', () => {
    follower.applyRoute(route({ a: 17 }, { version: 18, writerEpoch: 1 }));
    follower.applyWatermark('a', 0, 110, 17);
    expect([holds('k'), follower.watermark]).toEqual([false, 110]);
  });
});

describe('whatever routes and watermarks come', () => {
  const topic = fc.constantFrom('a', 'b', 'c');
  const topics = fc.dictionary(topic, fc.integer({ min: 1, max: 9 }), { minKeys: 1 });
  const change = fc.record({
    type: fc.constant('route' as const),
    route: fc.tuple(topics, fc.integer({ min: 1, max: 3 })).map(([of, writerEpoch]) => route(of, { writerEpoch })),
  });
  const told = fc.record({
    type: fc.constant('watermark' as const),
    topic,
    partition: fc.nat(2),
    at: fc.nat(100),
    since: fc.integer({ min: 1, max: 9 }),
  });

  it('it heads for the topic of the last route of the newest writer', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 10 }), (changes) => {
        const own = new TableFollower('things', () => undefined);
        let newest: Route | undefined;
        for (const { route: next } of changes) {
          own.applyRoute(next);
          if (newest === undefined || next.writerEpoch >= newest.writerEpoch) newest = next;
        }
        return own.target === followedTopic(newest);
      }),
      runs(),
    );
  });

  it('hazard 50: no watermark goes back, and none comes from a topic that is not followed', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 1, arbitrary: change }, { weight: 4, arbitrary: told })), (steps) => {
        const own = new TableFollower('things', () => undefined);
        own.applyRoute(route({ a: 1 }));
        own.setPartitionCount(2);
        const highest = [0, 0, 0];
        const marks = (): number[] => [own.watermarkOf(0), own.watermarkOf(1)];
        return steps.every((step) => {
          const before = marks();
          if (step.type === 'route') own.applyRoute(step.route);
          else {
            own.applyWatermark(step.topic, step.partition, step.at, step.since);
            highest[step.partition] = Math.max(highest[step.partition] ?? 0, step.at);
          }
          const mayMove = (partition: number): boolean =>
            step.type === 'watermark' && step.partition === partition && own.progress.topics[partition] === step.topic;
          const isRight = (at: number, partition: number): boolean =>
            at === before[partition] ||
            (at > (before[partition] ?? 0) && at <= (highest[partition] ?? 0) && mayMove(partition));
          return marks().every(isRight) && own.watermark === Math.min(...marks());
        });
      }),
      runs(2),
    );
  });
});
