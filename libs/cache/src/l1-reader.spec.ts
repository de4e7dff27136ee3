import { beforeEach, describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { type CacheStats, newCacheStats } from './cache-stats.js';
import { Coherence } from './coherence.js';
import { defineCache } from './define-cache.js';
import { Freshness } from './freshness.js';
import { Holder, type HolderOptions, PackedValue } from './holder.js';
import { L1Reader } from './l1-reader.js';
import { type Eviction, type L1, newL1 } from './l1/l1.js';
import { PartitionState } from './partition-state.js';
import { trust } from './standard-schema.js';
import { ValueCodec } from './value-codec.js';

const definition = defineCache({ name: 'things', table: 'things', schema: trust<{ n: number }>() });
const codec = new ValueCodec(definition);
let l1: L1;
let stats: CacheStats;
let coherence: Coherence;
let holder: Holder;
let reader: L1Reader;

function make(over: Partial<HolderOptions> = {}, eviction: Eviction = 'lru'): void {
  stats = newCacheStats();
  l1 = newL1({ eviction, maxEntries: 10, maxBytes: 100_000 });
  holder = new Holder({ codec, hold: 'object', clone: false, freeze: false, ...over });
  const state = new PartitionState();
  state.followed = 'topic';
  coherence = new Coherence({
    ...{ l1, stats, mode: 'update', sameValue: (a, b) => holder.same(a, b) },
    partitionOf: () => ({ index: 0, state }),
    hold: (event) => holder.ofEvent(event),
    givesAsHeld: (value) => holder.givesAsHeld(value),
  });
  const clock = new ManualClock();
  const freshness = new Freshness({
    ...{ definition, region: 'here', l1, coherence, stats, clock, maxStalenessMs: Infinity, watermarkOf: () => 0 },
  });
  reader = new L1Reader({ l1, coherence, freshness, holder, stats });
}
beforeEach(() => make());

function fill(text: string): void {
  const held = holder.ofValue(codec.decode(text, null), text, null);
  coherence.completeFill(coherence.beginFill('k'), { ...held, writeId: 'A', expiresAt: 0, readAt: 1 });
}

function change(text: string): void {
  coherence.applyEvent('k', {
    ...{ table: 'things', key: 'things:k', kind: 'modify', from: 'A', to: 'B', stampUs: 5, expiresAt: null },
    ...{ codec: null, lane: 'cdc', region: 'here', position: null, value: Buffer.from(text) },
  });
}
const read = (): unknown => reader.read('k', Infinity)?.value;

describe.each<Eviction>(['lru', 's3-fifo'])('a value that an event brought, with eviction %s', (eviction) => {
  beforeEach(() => make({}, eviction));

  it('is decoded by the first get, once', () => {
    fill('{"n":1}');
    change('{"n":2}');
    expect([l1.peek('k')?.value, l1.peek('k')?.isPlain]).toEqual([expect.any(PackedValue), false]);
    const first = read();
    expect([first, l1.peek('k')?.isPlain]).toEqual([{ n: 2 }, true]);
    expect(read()).toBe(first);
    expect(l1.peek('k')).toMatchObject({ writeId: 'B', stampUs: 5, readAt: 1, source: 'event' });
  });

  it('that cannot be decoded is no hit, and nothing of it is left', () => {
    fill('{"n":1}');
    change('{');
    expect([read(), l1.entries, stats.undecodable]).toEqual([undefined, 0, 1]);
  });
});

describe('hold: text', () => {
  beforeEach(() => make({ hold: 'text' }));

  it('decodes for every get, so that nobody shares a value', () => {
    fill('{"n":1}');
    const [first, second] = [read(), read()];
    expect([first, second, l1.peek('k')?.isPlain]).toEqual([{ n: 1 }, { n: 1 }, false]);
    expect(first).not.toBe(second);
  });

  it('is told apart by what is stored', () => {
    fill('{"n":1}');
    expect(holder.same(l1.peek('k')?.value, new PackedValue('{"n":1}', null))).toBe(true);
    expect(holder.same(l1.peek('k')?.value, { n: 1 })).toBe(true);
    expect(holder.same(l1.peek('k')?.value, new PackedValue('{"n":2}', null))).toBe(false);
    expect(holder.same(l1.peek('k')?.value, new PackedValue('{', null))).toBe(false);
  });
});

describe('what a caller gets', () => {
  it('is a copy with clone', () => {
    make({ clone: true });
    fill('{"n":1}');
    const [first, second] = [read(), read()];
    expect([first, second]).toEqual([{ n: 1 }, { n: 1 }]);
    expect(first).not.toBe(second);
  });

  it('is frozen to its ends with freeze, and not without', () => {
    make({ freeze: true });
    fill('{"a":[{"n":1}]}');
    const { a } = read() as { a: { n: number }[] };
    expect([Object.isFrozen(a), Object.isFrozen(a[0])]).toEqual([true, true]);
    make();
    fill('{"a":[{"n":1}]}');
    expect(Object.isFrozen(read())).toBe(false);
  });

  it('of a codec that makes bytes comes from bytes, also after an event', () => {
    const name = 'bytes';
    const raw = {
      name,
      encode: (n: number) => Uint8Array.of(n, 255),
      decode: (bytes: unknown) => (bytes as Buffer)[0] ?? 0,
    };
    const bytesCodec = new ValueCodec(
      defineCache({ name: 'bytes', table: 'bytes', schema: trust<number>(), codec: raw }),
    );
    const ofBytes = new Holder({ codec: bytesCodec, hold: 'object', clone: false, freeze: false });
    const held = ofBytes.ofEvent({ value: Uint8Array.of(7, 255), codec: name });
    expect(ofBytes.unpack(held.value as PackedValue).value).toBe(7);
  });
});
