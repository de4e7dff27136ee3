import assert from 'node:assert/strict';
import { type ContractCase } from '@tidemark/runtime/testing';
import { type ShardCursor, type ShardPage, type ShardReader } from '../ports.js';
import { coversKeySpace } from '../watermark.js';

/** A stream that a contract case may do anything to: two shards of equal width, empty. */
export interface StreamUnderTest {
  readonly reader: ShardReader;
  /** Records of a page at most, as the reader was told. */
  readonly pageMax: number;
  /** Pages come without being asked for, and so may be older than the read that is handed them. Default false. */
  readonly pushed?: boolean;
  /** Accepts a record; `share` in [0, 1) picks the place in the key space. */
  put(share: number, text: string): Promise<void>;
  split(shardId: string): Promise<void>;
  merge(left: string, right: string): Promise<void>;
  close(): Promise<void>;
}

const { signal } = new AbortController();
const readsMax = 200;

type Case = readonly [name: string, run: (stream: StreamUnderTest) => Promise<void>];

/** What every shard reader does, on real time; `make` gives a stream of its own for each case. */
export function shardReaderContract(make: () => Promise<StreamUnderTest>): readonly ContractCase[] {
  return [...listingCases, ...readingCases, ...losingCases, ...reshardingCases].map(([name, run]) => ({
    name,
    run: async () => {
      const stream = await make();
      try {
        await run(stream);
      } finally {
        await stream.close();
      }
    },
  }));
}

const listingCases: readonly Case[] = [
  [
    'lists shards that cover the key space',
    async ({ reader }) => {
      const shards = await reader.listShards(signal);
      assert.equal(shards.length, 2);
      assert.deepEqual(
        shards.map(({ parents }) => parents),
        [[], []],
      );
      assert.ok(coversKeySpace(shards));
    },
  ],
  [
    'describes the stream, the same one twice alike',
    async ({ reader }) => {
      const first = await reader.describe(signal);
      assert.ok(first.streamId.length > 0);
      assert.ok(first.retentionMs >= 3_600_000);
      assert.deepEqual(await reader.describe(signal), first);
    },
  ],
];

const readingCases: readonly Case[] = [
  [
    'reads a shard from its oldest record on, in order, with nothing twice',
    async (stream) => {
      const texts = await putMany(stream, 0.1, stream.pageMax * 2 + 1);
      await stream.put(0.9, 'elsewhere');
      const cursor = stream.reader.open(await shardAt(stream, 0), { type: 'trim-horizon' });
      assert.deepEqual(await readTexts(cursor, texts.length), texts);
      await stream.put(0.1, 'later');
      assert.deepEqual(await readTexts(cursor, 1), ['later']);
    },
  ],
  [
    'never says that a page ends at the tip while records are left behind it',
    async (stream) => {
      const texts = await putMany(stream, 0.1, stream.pageMax * 2 + 1);
      const cursor = stream.reader.open(await shardAt(stream, 0), { type: 'trim-horizon' });
      let seen = 0;
      for (let reads = 0; reads < readsMax && seen < texts.length; reads += 1) {
        const page = await cursor.read(signal);
        seen += page.records.length;
        if (seen < texts.length) assert.notEqual(page.millisBehindLatest, 0);
      }
      assert.equal((await untilTip(cursor)).millisBehindLatest, 0);
    },
  ],
  [
    'goes on after a sequence number',
    async (stream) => {
      const texts = await putMany(stream, 0.1, 5);
      const shardId = await shardAt(stream, 0);
      const first = stream.reader.open(shardId, { type: 'trim-horizon' });
      const pages = await readPages(first, 5);
      first.close?.();
      const third = pages.flatMap(({ records }) => records)[2];
      assert.ok(third);
      const cursor = stream.reader.open(shardId, { type: 'after', sequenceNumber: third.sequenceNumber });
      const rest = await readPages(cursor, 2);
      assert.deepEqual(textsOf(rest), texts.slice(3));
      assert.ok(rest.every(({ gap }) => !gap));
    },
  ],
  [
    'says when a page was asked for, and owes no answer before or after',
    async (stream) => {
      const cursor = stream.reader.open(await shardAt(stream, 0), { type: 'trim-horizon' });
      assert.equal(cursor.askedSinceMs, null);
      await cursor.read(signal);
      const before = Date.now();
      let { askedAt } = await cursor.read(signal);
      for (let reads = 0; stream.pushed === true && askedAt < before && reads < readsMax; reads += 1)
        ({ askedAt } = await cursor.read(signal));
      assert.ok(before <= askedAt && askedAt <= Date.now(), `asked at ${askedAt}, not from ${before} on`);
      assert.equal(cursor.askedSinceMs, null);
    },
  ],
  [
    'reads the same page after a read that failed',
    async (stream) => {
      const cursor = stream.reader.open(await shardAt(stream, 0), { type: 'trim-horizon' });
      await stream.put(0.1, 'once');
      await assert.rejects(cursor.read(AbortSignal.abort()), { code: 'ABORTED' });
      assert.deepEqual(await readTexts(cursor, 1), ['once']);
    },
  ],
];

const losingCases: readonly Case[] = [
  [
    'hazard 51: says that records may be missing when the position is not of this stream',
    async (stream) => {
      const texts = await putMany(stream, 0.1, 2);
      const sequenceNumber = '49590338271490256608559692538361571095921575989136588898';
      const cursor = stream.reader.open(await shardAt(stream, 0), { type: 'after', sequenceNumber });
      const pages = await readPages(cursor, 2);
      assert.deepEqual(textsOf(pages), texts);
      assert.equal(pages[0]?.gap, true);
      assert.ok(pages.slice(1).every(({ gap }) => !gap));
    },
  ],
  [
    'ends a shard that is gone, with a gap',
    async ({ reader }) => {
      const cursor = reader.open('shardId-000000000777', { type: 'trim-horizon' });
      const page = await cursor.read(signal);
      assert.deepEqual(
        { ...page, askedAt: 0, millisBehindLatest: 0 },
        { records: [], askedAt: 0, closed: true, gap: true, millisBehindLatest: 0 },
      );
    },
  ],
];

const reshardingCases: readonly Case[] = [
  [
    'closes a shard that was split once all of it is read, and lists its children',
    async (stream) => {
      const shardId = await shardAt(stream, 0);
      const before = await putMany(stream, 0.1, 3);
      await stream.split(shardId);
      await stream.put(0.1, 'low');
      await stream.put(0.4, 'high');
      assert.deepEqual(await readToEnd(stream.reader.open(shardId, { type: 'trim-horizon' })), before);
      const children = await childrenOf(stream, shardId);
      assert.deepEqual(
        children.map(({ parents }) => parents),
        [[shardId], [shardId]],
      );
      const texts = children.map(({ shardId: child }) =>
        readTexts(stream.reader.open(child, { type: 'trim-horizon' }), 1),
      );
      assert.deepEqual((await Promise.all(texts)).flat().sort(), ['high', 'low']);
    },
  ],
  [
    'gives the child of a merge both parents',
    async (stream) => {
      const [left, right] = [await shardAt(stream, 0), await shardAt(stream, 1)];
      await stream.merge(left, right);
      const [child, ...others] = await childrenOf(stream, left);
      assert.ok(child);
      assert.deepEqual(others, []);
      assert.deepEqual([...child.parents].sort(), [left, right].sort());
      await stream.put(0.9, 'merged');
      assert.deepEqual(await readTexts(stream.reader.open(child.shardId, { type: 'trim-horizon' }), 1), ['merged']);
    },
  ],
];

async function putMany(stream: StreamUnderTest, share: number, count: number): Promise<readonly string[]> {
  const texts = Array.from({ length: count }, (_, index) => `record ${index}`);
  for (const text of texts) await stream.put(share, text);
  return texts;
}

/** Id of the lower (0) or upper (1) of the first two shards. */
async function shardAt({ reader }: StreamUnderTest, index: 0 | 1): Promise<string> {
  const shards = [...(await reader.listShards(signal))].sort((a, b) =>
    BigInt(a.startHash) < BigInt(b.startHash) ? -1 : 1,
  );
  const shard = shards[index];
  assert.ok(shard);
  return shard.shardId;
}

async function childrenOf(
  { reader }: StreamUnderTest,
  parent: string,
): Promise<Awaited<ReturnType<ShardReader['listShards']>>> {
  return (await reader.listShards(signal)).filter(({ parents }) => parents.includes(parent));
}

async function readPages(cursor: ShardCursor, records: number): Promise<readonly ShardPage[]> {
  const pages: ShardPage[] = [];
  for (let reads = 0; reads < readsMax; reads += 1) {
    if (pages.reduce((sum, page) => sum + page.records.length, 0) >= records) return pages;
    pages.push(await cursor.read(signal));
  }
  return assert.fail(`expected ${records} records within ${readsMax} reads, got ${textsOf(pages).join(', ')}`);
}

async function readTexts(cursor: ShardCursor, records: number): Promise<readonly string[]> {
  return textsOf(await readPages(cursor, records));
}

async function readToEnd(cursor: ShardCursor): Promise<readonly string[]> {
  const pages: ShardPage[] = [];
  for (let reads = 0; reads < readsMax; reads += 1) {
    const page = await cursor.read(signal);
    pages.push(page);
    if (page.closed) return textsOf(pages);
  }
  return assert.fail(`expected the shard to close within ${readsMax} reads`);
}

async function untilTip(cursor: ShardCursor): Promise<ShardPage> {
  for (let reads = 0; reads < readsMax; reads += 1) {
    const page = await cursor.read(signal);
    if (page.records.length === 0 && page.millisBehindLatest === 0) return page;
  }
  return assert.fail(`expected the tip within ${readsMax} reads`);
}

function textsOf(pages: readonly ShardPage[]): readonly string[] {
  return pages.flatMap(({ records }) => records.map(({ bytes }) => Buffer.from(bytes).toString('utf8')));
}
