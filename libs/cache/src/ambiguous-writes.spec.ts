import { type ItemImage } from '@tidemark/protocol';
import { ManualClock } from '@tidemark/runtime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AmbiguousWrites } from './ambiguous-writes.js';
import { itemOf } from './testing/scripted-store.js';

let clock: ManualClock;
let item: ItemImage | undefined;
let reads: string[];
let failing: boolean;
let fates: [writeId: string, fate: string][];
let writes: AmbiguousWrites;

beforeEach(() => {
  clock = new ManualClock();
  item = undefined;
  reads = [];
  failing = false;
  fates = [];
  writes = new AmbiguousWrites({
    clock,
    max: 2,
    read: async (key) => {
      reads.push(key);
      if (failing) throw new Error('down');
      return item;
    },
    onFate: ({ writeId }, fate) => fates.push([writeId, fate]),
  });
});

const add = (writeId: string): void => writes.add({ key: 'k', operation: 'put', writeId, since: clock.now() });

describe('hazard 9: a write whose answer never came', () => {
  it('is listed until its fate is known', async () => {
    add('A');
    expect(writes.list).toMatchObject([{ key: 'k', operation: 'put', writeId: 'A' }]);
    item = itemOf('k', '"v"', { writeId: 'A' });
    await clock.advance(1_000);
    expect([writes.list, fates, reads, clock.pending]).toEqual([[], [['A', 'committed']], ['k'], 0]);
  });

  it.each([
    ['brings it', null, 'A'],
    ['follows it, though it was overwritten at once', 'A', 'B'],
  ])('was committed when an event %s', (_name, from, to) => {
    add('A');
    writes.seen('X', 'Y');
    expect(fates).toEqual([]);
    writes.seen(from, to);
    expect([fates, clock.pending]).toEqual([[['A', 'committed']], 0]);
  });

  it('is looked for three times, late enough for what waits in the network, and then given up', async () => {
    add('A');
    failing = true;
    await clock.advance(5_000);
    failing = false;
    item = itemOf('k', '"other"', { writeId: 'B' });
    await clock.advance(24_999);
    expect([reads.length, fates]).toEqual([2, []]);
    await clock.advance(1);
    expect([reads.length, fates, writes.list, clock.pending]).toEqual([3, [['A', 'not-seen']], [], 0]);
  });

  it('is forgotten when too many have come after it', () => {
    add('A');
    add('B');
    add('C');
    expect([fates, writes.list.map(({ writeId }) => writeId)]).toEqual([[['A', 'forgotten']], ['B', 'C']]);
  });

  it('leaves nothing behind at the end', () => {
    add('A');
    writes.close();
    expect([clock.pending, writes.list, fates]).toEqual([0, [], []]);
  });
});
