import { Coherence, newCacheStats, newL1, PartitionState } from '@tidemark/cache/internals';
import { formatWriteId } from '@tidemark/protocol';
import { LRUCache } from 'lru-cache';
import { collectedHeap } from '../collected-heap.js';
import { type BenchRow } from '../row.js';
import { keysOf } from '../workload.js';

/** Heap that an entry takes besides its key and its value, which are held by somebody else before it is measured. */
export const overheadRows: readonly BenchRow[] = (['lru', 's3-fifo'] as const).map((eviction) => ({
  name: `entry-overhead-${eviction}`,
  what: `heap growth for each entry with eviction \`${eviction}\`, key and value excluded, write id included`,
  goal: { compared: 'figure', rule: 'at most', bound: 200 },
  unit: 'bytes',
  lowerIsBetter: true,
  note: `Measured as the growth of the heap after forced collections while entries are filled as reads of L2 fill them. The write id is a text of 32
characters of its own, 48 bytes of the figure; lru-cache beside it holds bare values.`,
  tidemark: async ({ quick }) => bytesEach(quick ? 100_000 : 400_000, (names, values) => fill(eviction, names, values)),
  rival: {
    name: 'lru-cache',
    settings: '`new LRUCache({ max })`',
    measure: async ({ quick }) =>
      bytesEach(quick ? 100_000 : 400_000, (names, values) => {
        const lru = new LRUCache<string, object>({ max: names.length });
        for (const [id, name] of names.entries()) lru.set(name, values[id] ?? {});
        return lru;
      }),
  },
  whyBehind: 'lru-cache keeps the bare value; an entry has nine columns more, and a write id of 48 bytes',
}));

function fill(eviction: 'lru' | 's3-fifo', names: readonly string[], values: readonly object[]): object {
  const l1 = newL1({ eviction, maxEntries: names.length, maxBytes: Number.MAX_SAFE_INTEGER });
  const state = new PartitionState();
  state.followed = 'topic';
  const place = { index: 0, state };
  const coherence = new Coherence({
    ...{ l1, stats: newCacheStats(), mode: 'update', partitionOf: () => place },
    hold: () => ({ value: undefined, bytes: 0 }),
    sameValue: () => false,
  });
  for (const [id, name] of names.entries()) {
    const writeId = formatWriteId({ ms: 1_800_000_000_000 + id, counter: 0, incarnation: '0123456789abcdef' });
    // As it comes out of an item: one flat text.
    const read = Buffer.from(writeId).toString();
    const image = { value: values[id], writeId: read, expiresAt: 0, readAt: 1_800_000_000_000, bytes: 1_000 };
    coherence.completeFill(coherence.beginFill(name), image);
  }
  if (l1.entries !== names.length) throw new Error(`expected ${names.length} entries, got ${l1.entries}`);
  return coherence;
}

function bytesEach(entries: number, fillWith: (names: readonly string[], values: readonly object[]) => object): number {
  const names = keysOf(entries);
  const values = names.map((_, id) => ({ id }));
  const held: object[] = [];
  // Once small, so that code and the like are there.
  fillWith(names.slice(0, 1_000), values);
  const before = collectedHeap();
  held.push(fillWith(names, values));
  const bytes = (collectedHeap() - before) / entries;
  if (held.length !== 1) throw new Error('what was filled must be held');
  return bytes;
}
