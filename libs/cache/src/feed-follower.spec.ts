import {
  type CdcEvent,
  encodeControl,
  encodeEvent,
  partitionOf,
  type Route,
  type WireRecord,
} from '@tidemark/protocol';
import { MetricRegistry } from '@tidemark/runtime';
import { ManualClock, recordingLogger, settle } from '@tidemark/runtime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type ChangeFeed, type ChangeFeedHandler } from './backend.js';
import { newCacheStats } from './cache-stats.js';
import { Coherence } from './coherence.js';
import { FeedFollower } from './feed-follower.js';
import { newL1 } from './l1/l1.js';

/** Resolves each `tail` when it is told to. */
class FakeFeed implements ChangeFeed {
  readonly tails: {
    readonly topics: readonly string[];
    readonly answer: (counts: Record<string, number>) => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  handler: ChangeFeedHandler | undefined;
  closed = 0;
  onClose: () => void = () => undefined;

  async open(handler: ChangeFeedHandler): Promise<void> {
    this.handler = handler;
  }

  tail(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return new Promise((resolve, reject) => {
      this.tails.push({ topics, answer: (counts) => resolve(new Map(Object.entries(counts))), fail: reject });
    });
  }

  async close(): Promise<void> {
    this.closed += 1;
    this.onClose();
  }
}

const route = (topics: Record<string, number>, table = 'things'): Route => ({
  ...{ table, version: 1, writerEpoch: 1, topics, deleted: Object.keys(topics).length === 0 },
  ...{ changedAt: 0, changedBy: 'test' },
});
const change = (over: Partial<CdcEvent> = {}): WireRecord =>
  encodeEvent({
    ...{
      table: 'things',
      key: 'things:k',
      kind: 'modify',
      from: 'A',
      to: 'B',
      stampUs: 1,
      expiresAt: null,
      codec: null,
    },
    ...{ lane: 'cdc', region: 'here', position: null, value: Buffer.from('vB') },
    ...over,
  });
const watermark = (at: number, since: number | null = 1): WireRecord =>
  encodeControl({ control: 'watermark', table: 'things', at, streamId: 's', since });

let feed: FakeFeed;
let logger: ReturnType<typeof recordingLogger>;
let follower: FeedFollower;
let coherence: Coherence;
let progress: number;
let metrics: MetricRegistry;

beforeEach(() => {
  feed = new FakeFeed();
  logger = recordingLogger();
  progress = 0;
  metrics = new MetricRegistry();
  follower = new FeedFollower({
    feed,
    region: 'here',
    logger,
    metrics,
    onProgress: () => (progress += 1),
    onReportAsked: () => undefined,
  });
  const table = follower.table('things');
  coherence = new Coherence({
    l1: newL1({ eviction: 'lru', maxEntries: 10, maxBytes: 100_000 }),
    stats: newCacheStats(),
    mode: 'update',
    partitionOf: (key) => table.placeOf(`things:${key}`),
    hold: (event) => ({ value: Buffer.from(event.value ?? []).toString(), bytes: 1 }),
    sameValue: (a, b) => a === b,
  });
  table.addCache('things', coherence);
});

const batch = (topic: string, ...records: WireRecord[]): void => follower.onBatch({ topic, partition: 0, records });
const held = (): unknown => coherence.peek('k')?.value;
const fill = (): void =>
  coherence.completeFill(coherence.beginFill('k'), {
    value: 'vA',
    writeId: 'A',
    expiresAt: 0,
    readAt: 1,
    bytes: 2,
  });

async function live(): Promise<void> {
  await follower.open();
  follower.onRoute(route({ a: 1 }));
  feed.tails[0]?.answer({ a: 1 });
  await settle();
  batch('a', watermark(10));
  expect(follower.live).toBe(true);
  fill();
  expect(held()).toBe('vA');
}

describe('a watermark of the future', () => {
  it('claims the present and no more, for good, and is told of once in a while', async () => {
    const clock = new ManualClock(1_000_000);
    const hasty = new FeedFollower({
      ...{ feed, region: 'here', logger, metrics, clock },
      ...{ onProgress: () => undefined, onReportAsked: () => undefined },
    });
    const table = hasty.table('things');
    await hasty.open();
    hasty.onRoute(route({ a: 1 }));
    table.setPartitionCount(1);
    const warnings = (): unknown[] => logger.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields);
    const hear = (at: number): number => {
      hasty.onBatch({ topic: 'a', partition: 0, records: [watermark(at)] });
      return table.watermark;
    };
    logger.lines.length = 0;
    expect([hear(999_000), hear(1_003_000), warnings()]).toEqual([999_000, 1_000_000, []]);
    expect([hear(4_600_000), hear(4_600_001)]).toEqual([1_000_000, 1_000_000]);
    expect(warnings()).toEqual([{ topic: 'a', aheadMs: 3_600_000 }]);
    await clock.advance(60_000);
    expect([table.watermark, hear(1_059_000)]).toEqual([1_000_000, 1_059_000]);
  });
});

describe('before anything is followed', () => {
  it('hazard 64: a read that is under way takes nobody in any more once others know of this pod', () => {
    const fence = coherence.beginFill('k');
    expect(coherence.joinable(fence)).toBe(true);
    follower.onRegistered();
    expect(coherence.joinable(fence)).toBe(false);
    expect(coherence.joinable(coherence.beginFill('k'))).toBe(true);
  });
});

describe('records', () => {
  beforeEach(live);

  it('hands an event to its table’s cache', () => {
    batch('a', change());
    expect(held()).toBe('vB');
  });

  it('of a kind that cannot be read flush their partition once a batch, however many they are, and are all counted', () => {
    const unreadable: WireRecord = { key: 'things:k', value: null, header: '2.0;e;m;things' };
    const flushes: unknown[] = [];
    follower.table('things').addCache('things', coherence, ({ reason }) => flushes.push(reason));
    const refused = (): number => logger.lines.filter(({ message }) => message.includes('was refused')).length;
    batch('a', unreadable, { ...unreadable, header: 'x' }, change({ region: 'elsewhere' }), change());
    expect([held(), flushes, refused()]).toEqual([undefined, ['refused record: format version 2.0'], 1]);
    fill();
    batch('a', unreadable, unreadable);
    expect([held(), flushes.length, refused()]).toEqual([undefined, 2, 2]);
    const total = metrics.counter('tidemark_feed_refused_records_total', '').value;
    expect(total).toBe(5);
  });

  it('that flush are told to people where they drop something', () => {
    const flushTable = encodeControl({ control: 'flush-table', table: 'things', reason: 'test' });
    logger.lines.length = 0;
    batch('a', flushTable);
    batch('a', flushTable);
    expect(logger.lines.map(({ level, fields }) => [level, fields['entries']])).toEqual([
      ['info', 1],
      ['debug', 0],
    ]);
  });

  it('ignores an event of a topic that it does not listen to, and of a table that is nobody’s', () => {
    batch('z', change());
    batch('a', change({ table: 'others' }));
    expect(held()).toBe('vA');
  });

  it.each<[string, WireRecord]>([
    ['hazard 37: an event of another region', change({ region: 'there' })],
    ['hazard 35: a record without a header', { key: null, value: null, header: null }],
    ['another major version', { key: null, value: null, header: '2.0;e;m;things' }],
    ['an unknown control record', { key: null, value: null, header: '1.1;c;later;things' }],
    ['hazard 48: flush-table', encodeControl({ control: 'flush-table', table: 'things', reason: 'test' })],
    ['an invalidation of the key', encodeControl({ control: 'invalidate', table: 'things', key: 'things:k' })],
    ['hazard 35: an event of a kind that it does not know', { key: 'things:k', value: null, header: '1.1;e;x;things' }],
  ])('%s drops what it may have touched, and what is in flight is not kept', (_name, record) => {
    const fence = coherence.beginFill('k');
    batch('a', record);
    expect(held()).toBeUndefined();
    coherence.completeFill(fence, { value: 'vA', writeId: 'A', expiresAt: 0, readAt: 1, bytes: 2 });
    expect(held()).toBeUndefined();
  });

  it('a probe, and a watermark without since, change nothing', () => {
    batch('a', encodeControl({ control: 'probe', table: 'things', id: 'p', at: 1 }), watermark(99, null));
    expect([held(), follower.table('things').watermark]).toEqual(['vA', 10]);
  });

  it('hazard 64: a fill that began before others knew of this pod is not kept', () => {
    const fence = coherence.beginFill('k');
    follower.onRegistered();
    coherence.completeFill(fence, { value: 'vA', writeId: 'A', expiresAt: 0, readAt: 1, bytes: 2 });
    expect(held()).toBeUndefined();
    fill();
    expect(held()).toBe('vA');
  });

  it('hazard 26: a gap flushes its partition, even if its log line cannot be written', () => {
    logger.warn = () => {
      throw new Error('disk full');
    };
    expect(() => follower.onGap('a', 0, 'offsets')).toThrow('disk full');
    expect(held()).toBeUndefined();
  });

  it('hazard 27: a gap in a partition that was not there before flushes everything', () => {
    follower.onGap('a', 5, 'partitions grew');
    expect(held()).toBeUndefined();
  });

  it('hazard 27: partitions that are added flush everything, and each is followed from its next watermark on', () => {
    const fence = coherence.beginFill('k');
    follower.onPartitions('a', 2);
    coherence.completeFill(fence, { value: 'vA', writeId: 'A', expiresAt: 0, readAt: 1, bytes: 2 });
    fill();
    expect([held(), follower.live, follower.table('things').progress.progress]).toEqual([undefined, false, [-1, -1]]);
    for (const partition of [0, 1]) follower.onBatch({ topic: 'a', partition, records: [watermark(20, 1)] });
    fill();
    expect([held(), follower.live]).toEqual(['vA', true]);
  });

  it('hazard 27: partitions of a topic that nothing follows change nothing', () => {
    follower.onPartitions('elsewhere', 9);
    expect([held(), follower.live]).toEqual(['vA', true]);
  });

  it('hazard 28: an interruption is told, and by itself drops nothing', () => {
    const before = progress;
    follower.onState('live');
    follower.onState('interrupted');
    follower.onState('interrupted');
    expect([follower.state, held(), progress - before]).toEqual(['interrupted', 'vA', 2]);
  });
});

describe('topics', () => {
  it('tells the feed nothing before it is open, then once what the routes ask for', async () => {
    follower.onRoute(route({ a: 1 }));
    expect(feed.tails).toHaveLength(0);
    await follower.open();
    follower.onRoute(route({ a: 1 }));
    follower.onRoute(route({ x: 1 }, 'others'));
    expect(feed.tails.map(({ topics }) => topics)).toEqual([['a']]);
  });

  it('warns of a table without a route', async () => {
    await follower.open();
    expect(logger.lines).toContainEqual(expect.objectContaining({ level: 'warn', fields: { table: 'things' } }));
  });

  it('hazard 25: keeps nothing before the positions are fixed and a watermark came', async () => {
    await follower.open();
    follower.onRoute(route({ a: 1 }));
    batch('a', watermark(10));
    fill();
    expect([follower.live, held()]).toEqual([false, undefined]);
    feed.tails[0]?.answer({ a: 1 });
    await settle();
    fill();
    expect([follower.live, held()]).toEqual([false, undefined]);
    batch('a', watermark(11));
    fill();
    expect([follower.live, held()]).toEqual([true, 'vA']);
  });

  it('hazard 31: listens to the old and the new topic during a move, and lets the old one go after it', async () => {
    await live();
    follower.onRoute(route({ a: 1, b: 2 }));
    batch('b', watermark(20, 2));
    expect(feed.tails.map(({ topics }) => topics)).toEqual([['a'], ['a', 'b'], ['b']]);
    expect(held()).toBeUndefined();
  });

  it('ignores the route of a superseded writer, also where the new one has only spoken of other tables', async () => {
    await live();
    follower.onRoute({ ...route({ x: 1 }, 'others'), writerEpoch: 2 });
    follower.onRoute(route({ b: 9 }));
    follower.onRoute(route({}));
    expect([follower.table('things').target, held()]).toEqual(['a', 'vA']);
    follower.onRoute({ ...route({ b: 9 }), writerEpoch: 2 });
    expect(follower.table('things').target).toBe('b');
  });

  it('an answer that comes late, or not at all, changes nothing', async () => {
    await live();
    follower.onRoute(route({ a: 1, b: 2 }));
    follower.onRoute(route({ a: 1 }));
    feed.tails[2]?.answer({ a: 1 });
    feed.tails[1]?.answer({ a: 1, b: 7 });
    await settle();
    expect([follower.live, held()]).toEqual([true, 'vA']);
  });

  it('a count of a topic that was not there yet when the set was replaced is none', async () => {
    await live();
    follower.onRoute(route({ a: 1, b: 2 }));
    feed.tails[1]?.answer({ a: 1, b: 0 });
    await settle();
    expect([follower.live, held()]).toEqual([true, 'vA']);
  });

  it('topics that differ in partition count are an error, and nothing is kept', async () => {
    await live();
    follower.onRoute(route({ a: 1, b: 2 }));
    feed.tails[1]?.answer({ a: 1, b: 3 });
    await settle();
    expect([follower.live, held()]).toEqual([false, undefined]);
    expect(logger.lines.at(-1)).toMatchObject({ level: 'error', fields: { topic: 'b', count: 3 } });
  });

  it('a failure to follow is logged, unless it is closed', async () => {
    await follower.open();
    follower.onRoute(route({ a: 1 }));
    feed.tails[0]?.fail(new Error('no way'));
    await settle();
    expect(logger.lines.at(-1)).toMatchObject({ level: 'error', fields: { error: 'no way' } });
  });
});

describe('hazard 48: the copies of one flush', () => {
  it('each flush the partition that they came through, though they are the same', async () => {
    await follower.open();
    follower.onRoute(route({ a: 1 }));
    feed.tails[0]?.answer({ a: 2 });
    await settle();
    const through = (partition: number, record: WireRecord): void =>
      follower.onBatch({ topic: 'a', partition, records: [record] });
    for (const partition of [0, 1]) through(partition, watermark(10));
    const keyIn = (partition: number): string =>
      ['a', 'b', 'c', 'd', 'e', 'f'].find((key) => partitionOf(`things:${key}`, 2) === partition) ?? '';
    const keys = [keyIn(0), keyIn(1)];
    for (const key of keys)
      coherence.completeFill(coherence.beginFill(key), {
        ...{ value: 'v', writeId: 'A', expiresAt: 0, readAt: 1, bytes: 2 },
      });
    const present = (): boolean[] => keys.map((key) => coherence.peek(key) !== undefined);
    const copy = encodeControl({ control: 'flush-table', table: 'things', reason: 'test' });
    expect(present()).toEqual([true, true]);
    through(1, copy);
    expect(present()).toEqual([true, false]);
    through(0, copy);
    expect(present()).toEqual([false, false]);
  });
});

describe('close', () => {
  it('drops what is held, and what the feed still hands over on its way out does nothing', async () => {
    await live();
    const fence = coherence.beginFill('k');
    feed.onClose = () => {
      follower.onState('interrupted');
      follower.onRoute(route({ c: 9 }));
      batch('a', watermark(30));
    };
    await follower.close();
    coherence.completeFill(fence, { value: 'vA', writeId: 'A', expiresAt: 0, readAt: 1, bytes: 2 });
    fill();
    expect([follower.state, held(), follower.live, feed.tails.length]).toEqual(['closed', undefined, false, 1]);
  });
});
