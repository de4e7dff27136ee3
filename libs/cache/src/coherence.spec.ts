import { type CdcEvent } from '@tidemark/protocol';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type CacheStats, newCacheStats } from './cache-stats.js';
import { Coherence, type Installable } from './coherence.js';
import { newL1 } from './l1/l1.js';
import { PartitionState } from './partition-state.js';

const image = (value: unknown, writeId: string | null): Installable => ({
  value,
  writeId,
  expiresAt: 0,
  readAt: 1,
  bytes: 10,
});
const event = (from: string | null, to: string | null, over: Partial<CdcEvent> = {}): CdcEvent => ({
  table: 'things',
  key: 'things:k',
  kind: from === null ? 'insert' : to === null ? 'remove' : 'modify',
  from,
  to,
  stampUs: null,
  expiresAt: null,
  codec: null,
  lane: 'cdc',
  region: 'local',
  position: null,
  value: to === null ? null : Buffer.from(JSON.stringify(`v${to}`)),
  ...over,
});

let stats: CacheStats;
let partition: PartitionState;
let coherence: Coherence;
const held = (): unknown => coherence.peek('k')?.value;
const fill = (value: unknown, writeId: string | null): void =>
  coherence.completeFill(coherence.beginFill('k'), image(value, writeId));

function make(mode: 'update' | 'invalidate' = 'update'): void {
  stats = newCacheStats();
  partition = new PartitionState();
  partition.followed = 'topic';
  coherence = new Coherence({
    l1: newL1({ eviction: 'lru', maxEntries: 10, maxBytes: 1_000_000 }),
    stats,
    mode,
    partitionOf: () => ({ index: 0, state: partition }),
    hold: (e) => ({ value: e.value === null ? undefined : JSON.parse(Buffer.from(e.value).toString()), bytes: 1 }),
    sameValue: (a, b) => a === b,
  });
}
beforeEach(() => make());

describe('fills', () => {
  it('installs what a clean fill read', () => {
    fill('vA', 'A');
    expect(coherence.peek('k')).toMatchObject({ value: 'vA', writeId: 'A', stampUs: 0, partition: 0, source: 'fill' });
  });

  it('hazard 1: keeps nothing of a fill that an event overtook', () => {
    const fence = coherence.beginFill('k');
    coherence.applyEvent('k', event('A', 'B'));
    expect(coherence.joinable(fence)).toBe(false);
    coherence.completeFill(fence, image('vA', 'A'));
    expect(held()).toBeUndefined();
    expect(stats.fencedFills).toBe(1);
  });

  it('may be joined before the table is followed, and no more once it is', () => {
    const followed: PartitionState[] = [];
    const pod = new Coherence({
      l1: newL1({ eviction: 'lru', maxEntries: 10, maxBytes: 1_000_000 }),
      stats,
      mode: 'update',
      partitionOf: () => followed.map((state) => ({ index: 0, state }))[0],
      hold: () => ({ value: undefined, bytes: 1 }),
      sameValue: (a, b) => a === b,
    });
    const fence = pod.beginFill('k');
    expect(pod.joinable(fence)).toBe(true);
    followed.push(partition);
    expect(pod.joinable(fence)).toBe(false);
  });

  it('hazard 3: a delete dirties a fill', () => {
    const fence = coherence.beginFill('k');
    coherence.completeDelete(coherence.beginWrite('k'), 1);
    coherence.completeFill(fence, image('vA', 'A'));
    expect(held()).toBeUndefined();
  });

  it('hazard 22: drops an entry that differs from what a fenced fill hands to its callers', () => {
    const fence = coherence.beginFill('k');
    coherence.completePut(coherence.beginWrite('k', 'B'), image('vB', 'B'));
    expect(held()).toBe('vB');
    coherence.completeFill(fence, image('vC', 'C'));
    expect(held()).toBeUndefined();
  });

  it('keeps an entry that is what the fenced fill read', () => {
    const fence = coherence.beginFill('k');
    coherence.completePut(coherence.beginWrite('k', 'B'), image('vB', 'B'));
    coherence.completeFill(fence, image('vB', 'B'));
    expect(held()).toBe('vB');
  });

  it('hazard 45: keeps nothing of a fill that began before a flush', () => {
    const fence = coherence.beginFill('k');
    partition.raiseGeneration();
    coherence.flush(0);
    coherence.completeFill(fence, image('vA', 'A'));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('hazard 25: keeps nothing before the partition is followed', () => {
    partition.followed = undefined;
    const fence = coherence.beginFill('k');
    partition.followed = 'topic';
    coherence.completeFill(fence, image('vA', 'A'));
    expect(coherence.peek('k')).toBeUndefined();
  });
});

describe('puts', () => {
  it('installs what a clean acknowledgement confirms', () => {
    coherence.completePut(coherence.beginWrite('k', 'B'), image('vB', 'B'));
    expect(coherence.peek('k')).toMatchObject({ value: 'vB', writeId: 'B', source: 'put' });
  });

  it('hazard 10: a slow acknowledgement installs nothing over a newer event', () => {
    fill('vA', 'A');
    const fence = coherence.beginWrite('k', 'B');
    coherence.applyEvent('k', event('A', 'B'));
    coherence.applyEvent('k', event('B', 'C'));
    coherence.completePut(fence, image('vB', 'B'));
    expect(held()).toBeUndefined();
  });

  it('is not dirtied by its own event', () => {
    const fence = coherence.beginWrite('k', 'B');
    coherence.applyEvent('k', event('A', 'B'));
    coherence.completePut(fence, image('vB', 'B'));
    expect(held()).toBe('vB');
  });

  it('hazard 15: is dirtied by a foreign update that kept its id', () => {
    const fence = coherence.beginWrite('k', 'B');
    coherence.applyEvent('k', event('B', 'B'));
    coherence.completePut(fence, image('vB', 'B'));
    expect(held()).toBeUndefined();
  });

  it('keeps the stamp of its event when that came before the acknowledgement', () => {
    fill('vA', 'A');
    const fence = coherence.beginWrite('k', 'B');
    coherence.applyEvent('k', event('A', 'B', { stampUs: 7 }));
    coherence.completePut(fence, image('vB', 'B'));
    expect(coherence.peek('k')).toMatchObject({ writeId: 'B', stampUs: 7 });
  });

  it('ignores the event of an acknowledged put, and takes its stamp when it is still held', () => {
    coherence.completePut(coherence.beginWrite('k', 'B'), image('vB', 'B'));
    const fence = coherence.beginFill('k');
    coherence.applyEvent('k', event('A', 'B', { stampUs: 9 }));
    expect(coherence.peek('k')?.stampUs).toBe(9);
    expect(coherence.joinable(fence)).toBe(true);
    coherence.abandonFill(fence);
  });

  it('hazard 42: a late event of an acknowledged put neither drops nor revives', () => {
    coherence.completePut(coherence.beginWrite('k', 'B'), image('vB', 'B'));
    coherence.applyEvent('k', event('B', 'C'));
    coherence.applyEvent('k', event('A', 'B'));
    expect(held()).toBe('vC');
  });

  it('hazard 44: a write that timed out is not known', () => {
    fill('vA', 'A');
    coherence.failWrite(coherence.beginWrite('k', 'B'));
    fill('vC', 'C');
    expect(coherence.applyEvent('k', event('A', 'B')).rule).toBe(9);
    expect(held()).toBeUndefined();
  });

  it('hazard 9: an unknown outcome drops the entry', () => {
    fill('vA', 'A');
    coherence.failWrite(coherence.beginWrite('k', 'B'));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('keeps the entry when nothing was written for certain', () => {
    fill('vA', 'A');
    coherence.cancelWrite(coherence.beginWrite('k', 'B'));
    expect(held()).toBe('vA');
  });

  it('dirties a fill that began before the acknowledgement (hazard 21)', () => {
    const fence = coherence.beginFill('k');
    coherence.completePut(coherence.beginWrite('k', 'B'), image('vB', 'B'));
    expect(coherence.joinable(fence)).toBe(false);
    coherence.completeFill(fence, image(undefined, null));
    expect(coherence.peek('k')).toBeUndefined();
  });
});

describe('events', () => {
  it('hazards 23 and 24: create no entry', () => {
    coherence.applyEvent('k', event(null, 'A'));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('drop the entry when the item is removed', () => {
    fill('vA', 'A');
    coherence.applyEvent('k', event('A', null));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('turn a held value into an absence when a tombstone takes its place', () => {
    fill('vA', 'A');
    coherence.applyEvent('k', event('A', 'B', { value: null }));
    expect(coherence.peek('k')).toMatchObject({ value: undefined, writeId: 'B' });
  });

  it('hazard 46: a fast event clears the stamp of the entry that it replaces', () => {
    fill('vB', 'B');
    coherence.applyEvent('k', event('A', 'B', { stampUs: 5 }));
    coherence.applyEvent('k', event('B', 'C', { lane: 'fast' }));
    expect(coherence.peek('k')).toMatchObject({ writeId: 'C', stampUs: 0 });
  });

  it('hazard 5: in another order drop the entry, and bring none back', () => {
    fill('vA', 'A');
    coherence.applyEvent('k', event('B', 'C', { stampUs: 9 }));
    expect(coherence.peek('k')).toBeUndefined();
    coherence.applyEvent('k', event('A', 'B', { stampUs: 8 }));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('hazard 6: of a write from before the fill drop what it read, which they do not follow', () => {
    fill('vC', 'C');
    coherence.applyEvent('k', event('A', 'B', { stampUs: 9 }));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('hazard 8: drop the own write that lost between regions to a lower one', () => {
    coherence.completePut(coherence.beginWrite('k', 'Z'), image('vZ', 'Z'));
    coherence.applyEvent('k', event('A', 'Z', { stampUs: 5 }));
    coherence.applyEvent('k', event('Z', 'M', { stampUs: 6 }));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('hazard 8: that overtook the acknowledgement of the own write leave nothing of it', () => {
    const fence = coherence.beginWrite('k', 'Z');
    coherence.applyEvent('k', event('A', 'Z', { stampUs: 5 }));
    coherence.applyEvent('k', event('Z', 'M', { stampUs: 6 }));
    coherence.completePut(fence, image('vZ', 'Z'));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('hazard 16: drop the own next write when an update in another region brings back the one before it', () => {
    coherence.completePut(coherence.beginWrite('k', 'B'), image('vB', 'B'));
    coherence.completePut(coherence.beginWrite('k', 'C'), image('vC', 'C'));
    coherence.applyEvent('k', event('A', 'B', { stampUs: 5 }));
    coherence.applyEvent('k', event('B', 'C', { stampUs: 6 }));
    expect(stats.rules[2]).toBe(2);
    coherence.applyEvent('k', event('C', 'B', { stampUs: 7 }));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('hazard 16: of what stood there before a write id came back, drop what was read since', () => {
    coherence.applyEvent('k', event('A', 'B', { stampUs: 5 }));
    coherence.applyEvent('k', event('C', 'A', { stampUs: 7 }));
    fill('vA', 'A');
    coherence.applyEvent('k', event('A', 'B', { stampUs: 5 }));
    expect(coherence.peek('k')).toBeUndefined();
    fill('vA', 'A');
    coherence.applyEvent('k', event('B', 'C', { stampUs: 6 }));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('hazard 16: from before the read, beyond the margin of clocks, drop what they would follow on', () => {
    coherence.completeFill(coherence.beginFill('k'), { ...image('vA', 'A'), readAt: 1_700_000_010_000 });
    coherence.applyEvent('k', event('A', 'B', { stampUs: 1_700_000_000_000_000 }));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('are applied again from the first write on that is newer than all that was there', () => {
    coherence.applyEvent('k', event('C', 'A'));
    fill('vA', 'A');
    coherence.applyEvent('k', event('A', 'D'));
    expect(coherence.peek('k')).toBeUndefined();
    fill('vD', 'D');
    coherence.applyEvent('k', event('D', 'E'));
    expect(held()).toBe('vE');
    coherence.applyEvent('other', event('B', 'A'));
    coherence.applyEvent('k', event('E', 'F'));
    expect(held()).toBe('vF');
  });

  it('hazard 14: of a put without a write id drop the entry, and the fill that is under way', () => {
    fill('vA', 'A');
    const fence = coherence.beginFill('k');
    coherence.applyEvent('k', event('A', null, { kind: 'modify', value: Buffer.from('"foreign"') }));
    coherence.completeFill(fence, image('vA', 'A'));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('hazard 18: follow a key through its deletion to its new value', () => {
    fill('vB', 'B');
    coherence.applyEvent('k', event('B', null));
    expect(coherence.peek('k')).toBeUndefined();
    fill(undefined, null);
    coherence.applyEvent('k', event(null, 'C'));
    expect(coherence.peek('k')).toBeUndefined();
    fill('vC', 'C');
    coherence.applyEvent('k', event('C', 'D'));
    expect(held()).toBe('vD');
  });

  it('drop an entry when the fast lane left its value out, and keep no absence', () => {
    fill('vA', 'A');
    coherence.applyEvent('k', event('A', 'B', { lane: 'fast', value: null }));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('hazard 4: a duplicate changes nothing', () => {
    fill('vA', 'A');
    for (let i = 0; i < 2; i += 1) coherence.applyEvent('k', event('A', 'B', { stampUs: 5 }));
    expect(coherence.peek('k')).toMatchObject({ value: 'vB', writeId: 'B', stampUs: 5 });
  });

  it('only drop in mode invalidate', () => {
    make('invalidate');
    fill('vA', 'A');
    coherence.applyEvent('k', event('A', 'B'));
    expect(coherence.peek('k')).toBeUndefined();
  });
});

describe('local entries', () => {
  it('are dropped by any event for the key', () => {
    coherence.localPut('k', { value: 'mine', bytes: 4 }, 1);
    expect(held()).toBe('mine');
    coherence.applyEvent('k', event('A', 'B'));
    expect(coherence.peek('k')).toBeUndefined();
  });

  it('are not overwritten by a fill that began earlier, nor brought back after localDelete', () => {
    const fence = coherence.beginFill('k');
    coherence.localDelete('k');
    coherence.completeFill(fence, image('vA', 'A'));
    expect(coherence.peek('k')).toBeUndefined();
  });
});

describe('bounds', () => {
  it('keeps absences to a tenth of the entries', () => {
    for (let i = 0; i < 10; i += 1) coherence.completeFill(coherence.beginFill(`a${i}`), image(undefined, null));
    fill('vA', 'A');
    expect(coherence.peek('a8')).toBeUndefined();
    expect(coherence.peek('a9')).toMatchObject({ value: undefined });
    expect(held()).toBe('vA');
  });

  it('leaves no fence behind', () => {
    fill('vA', 'A');
    coherence.abandonFill(coherence.beginFill('k'));
    coherence.failWrite(coherence.beginWrite('k', 'B'));
    expect(coherence.inFlight).toBe(0);
  });
});
