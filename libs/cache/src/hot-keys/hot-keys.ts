import { itemKeyBytesMax } from '@tidemark/protocol';
import { type Clock } from '@tidemark/runtime';
import { wholeNumber } from '../options.js';
import { SamplePace } from './sample-pace.js';
import { SpaceSaving } from './space-saving.js';

/** A key that this pod reads more than most. Figures are of the last minutes: what is older counts less and less. */
export interface HotKey {
  readonly key: string;
  /** Estimated, of this pod. */
  readonly readsPerSecond: number;
  /** So many of them may be other keys'. */
  readonly errorPerSecond: number;
  /** Of all reads of the cache in this pod, [0, 1]; 0 once there have been none for five minutes. */
  readonly share: number;
}

export interface HotKeyReport {
  /** The hottest first. */
  readonly keys: readonly HotKey[];
  /** Keys that are counted; never more than 1,000. */
  readonly tracked: number;
  /** Estimated, of all keys of the cache. */
  readonly readsPerSecond: number;
}

export interface HotKeysOptions {
  readonly clock: Clock;
  readonly random: () => number;
}

/** Keys that are counted: any that has more than a thousandth of the reads is among them. */
export const trackedMax = 1_000;
/** After this long a read counts half. */
const halfLifeMs = 300_000;
/** Half-lives after which the weights of reads, which double with each, are brought back to 1. */
const halfLivesMax = 64;
/** A rate over less time than this says nothing, ms. */
const ageMinMs = 1_000;

/**
 * Which keys a cache is asked for most, from a sample of its reads: some hundred a second, however many there are, so that a hit pays for a
 * comparison of two numbers. Nothing is decayed in passing: a later read weighs more instead, which comes to the same.
 */
export class HotKeys {
  readonly #clock: Clock;
  readonly #sketch = new SpaceSaving(trackedMax);
  readonly #hits: SamplePace;
  readonly #misses: SamplePace;
  readonly #startedMs: number;
  #epochMs: number;
  #sampledMs = Number.NEGATIVE_INFINITY;
  #missesLeft = 1;

  constructor({ clock, random }: HotKeysOptions) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#epochMs = this.#startedMs;
    this.#hits = new SamplePace(random);
    this.#misses = new SamplePace(random);
  }

  /** The hit that was due as a sample was `key`; hits until the next one. The first is due. */
  hit(key: string): number {
    return this.#sample(key, this.#hits);
  }

  miss(key: string): void {
    this.#missesLeft -= 1;
    if (this.#missesLeft <= 0) this.#missesLeft = this.#sample(key, this.#misses);
  }

  /** Whether the next hit is to be a sample: reads have become few, and the one that is due may lie far ahead. */
  wake(): boolean {
    return this.#hits.wake(this.#clock.monotonicMs());
  }

  /** Up to `max` keys. Throws `INVALID_OPTIONS`. */
  report(max: number): HotKeyReport {
    wholeNumber('hotKeys: max', max, 0, trackedMax);
    const nowMs = this.#clock.monotonicMs();
    if (this.#misses.wake(nowMs)) this.#missesLeft = 1;
    const total = this.#sketch.total;
    // Shares of reads that have ended do not change by themselves.
    const isIdle = nowMs - this.#sampledMs > halfLifeMs;
    const rate = this.#ratePerWeight(nowMs);
    const keys = this.#sketch.heaviest(max).map(({ key, count, error }) => ({
      key,
      readsPerSecond: count * rate,
      errorPerSecond: error * rate,
      share: total === 0 || isIdle ? 0 : count / total,
    }));
    return { keys, tracked: this.#sketch.size, readsPerSecond: total * rate };
  }

  /** Reads until the next sample. */
  #sample(key: string, pace: SamplePace): number {
    const nowMs = this.#clock.monotonicMs();
    this.#sampledMs = nowMs;
    if (nowMs - this.#epochMs > halfLivesMax * halfLifeMs) {
      this.#sketch.scale(1 / this.#weightAt(nowMs));
      this.#epochMs = nowMs;
    }
    if (isStorable(key)) this.#sketch.add(key, pace.weight * this.#weightAt(nowMs));
    return pace.next(nowMs);
  }

  /** Of a read at that time, as against one at the epoch. */
  #weightAt(nowMs: number): number {
    return 2 ** ((nowMs - this.#epochMs) / halfLifeMs);
  }

  /** Reads per second that a weight stands for: a steady rate r has come to r × mean life × (1 − 2^(−age / half-life)). */
  #ratePerWeight(nowMs: number): number {
    const ageMs = Math.max(ageMinMs, nowMs - this.#startedMs);
    const meanLifeSeconds = halfLifeMs / Math.LN2 / 1_000;
    return 1 / (this.#weightAt(nowMs) * meanLifeSeconds * (1 - 2 ** (-ageMs / halfLifeMs)));
  }
}

/** `getIfPresent` takes whatever it is given. What no item can have as its key is not kept, however large, and shown to nobody. */
function isStorable(key: unknown): boolean {
  return typeof key === 'string' && key.length > 0 && key.length <= itemKeyBytesMax;
}
