import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { type HotKeyReport, HotKeys, trackedMax } from './hot-keys.js';

/** Reads as a cache reports them; deterministic randomness. */
class Reads {
  readonly clock = new ManualClock();
  readonly hotKeys: HotKeys;
  samples = 0;
  #seed = 7;
  #hitsLeft = 1;

  constructor() {
    this.hotKeys = new HotKeys({ clock: this.clock, random: () => this.random() });
  }

  random(): number {
    this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return this.#seed / 2_147_483_648;
  }

  hit(key: string): void {
    this.#hitsLeft -= 1;
    if (this.#hitsLeft > 0) return;
    this.samples += 1;
    this.#hitsLeft = this.hotKeys.hit(key);
  }

  report(max: number): HotKeyReport {
    if (this.hotKeys.wake()) this.#hitsLeft = 1;
    return this.hotKeys.report(max);
  }

  /** So many hits in a second, `next` naming the key of each. */
  async second(hits: number, next: (at: number) => string): Promise<void> {
    const each = hits / 1_000;
    let due = 0;
    for (let ms = 0, at = 0; ms < 1_000; ms += 1) {
      await this.clock.advance(1);
      for (due += each; due >= 1; due -= 1, at += 1) this.hit(next(at));
    }
  }
}

describe('HotKeys', () => {
  it('estimates the rate and the share of a hot key among many', async () => {
    const reads = new Reads();
    for (let second = 0; second < 5; second += 1)
      await reads.second(20_000, () => (reads.random() < 0.3 ? 'hot' : `cold-${Math.floor(reads.random() * 100_000)}`));
    const { keys, readsPerSecond, tracked } = reads.report(3);
    expect(keys[0]?.key).toBe('hot');
    expect(keys[0]?.share).toBeGreaterThan(0.25);
    expect(keys[0]?.share).toBeLessThan(0.36);
    expect(readsPerSecond).toBeGreaterThan(15_000);
    expect(readsPerSecond).toBeLessThan(26_000);
    expect(tracked).toBeLessThanOrEqual(trackedMax);
  });

  it('gives no key a share of the reads of a cache that nobody has read for minutes', async () => {
    const reads = new Reads();
    await reads.second(1_000, () => 'a');
    await reads.clock.advance(60_000);
    expect(reads.report(1).keys[0]?.share).toBe(1);
    await reads.clock.advance(300_000);
    expect(reads.report(1).keys[0]).toMatchObject({ key: 'a', share: 0 });
    reads.hit('a');
    expect(reads.report(1).keys[0]?.share).toBe(1);
  });

  it('takes no more samples when there are a hundred times the reads', async () => {
    const slow = new Reads();
    await slow.second(1_000, () => 'a');
    await slow.second(1_000, () => 'a');
    const fast = new Reads();
    await fast.second(100_000, () => 'a');
    await fast.second(100_000, () => 'a');
    expect(slow.samples).toBeGreaterThan(100);
    expect(fast.samples).toBeLessThan(3_000);
  });

  it('is not deceived by keys that come round in a period', async () => {
    const reads = new Reads();
    for (let second = 0; second < 4; second += 1) await reads.second(64_000, (at) => `k${at % 64}`);
    const { keys } = reads.report(64);
    expect(keys.length).toBe(64);
    expect(keys[0]?.share).toBeLessThan(0.05);
  });

  it('forgets what was hot: after some half-lives another key leads', async () => {
    const reads = new Reads();
    for (let second = 0; second < 20; second += 1) await reads.second(1_000, () => 'yesterday');
    await reads.clock.advance(8 * 3_600_000);
    reads.report(1);
    for (let second = 0; second < 5; second += 1) await reads.second(100, () => 'today');
    const { keys } = reads.report(2);
    expect(keys[0]?.key).toBe('today');
    expect(keys[0]?.share).toBeGreaterThan(0.99);
  });

  it('finds the keys of a cache that has become slow', async () => {
    const reads = new Reads();
    await reads.second(1_000_000, () => 'before');
    await reads.clock.advance(2_000);
    reads.report(1);
    const before = reads.samples;
    for (let n = 0; n < 20; n += 1) {
      await reads.clock.advance(100);
      reads.hit('after');
    }
    expect(reads.samples - before).toBeGreaterThan(10);
  });

  it('counts misses, too', async () => {
    const { hotKeys, clock } = new Reads();
    for (let n = 0; n < 50; n += 1) {
      await clock.advance(10);
      hotKeys.miss('missed');
    }
    expect(hotKeys.report(1).keys).toMatchObject([{ key: 'missed', share: 1 }]);
  });

  it('passes over what no item can have as its key', async () => {
    const { hotKeys, clock } = new Reads();
    for (const key of [undefined as unknown as string, 7 as unknown as string, '', 'x'.repeat(2_049), 'k']) {
      hotKeys.miss(key);
      await clock.advance(10);
    }
    expect(hotKeys.report(10).keys.map(({ key }) => key)).toEqual(['k']);
  });

  it('reports nothing of a cache that nobody reads', () => {
    expect(new Reads().report(10)).toEqual({ keys: [], tracked: 0, readsPerSecond: 0 });
  });
});
