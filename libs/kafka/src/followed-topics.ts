import { type Admin } from 'kafkajs';
import { boundsOf, offsetsSince } from './admin-call.js';
import { type Bounds, judgePosition, Positions } from './positions.js';

/** How a topic is followed. */
export interface TailedTopic {
  /** From its first record, from what is written after it was first named, or from the first record that the broker dates no earlier. */
  readonly from: 'start' | 'end' | { readonly sinceMs: number };
  /** Holes are its nature and no gaps. */
  readonly compacted: boolean;
}

export interface FollowedTopicsHooks {
  onGap(topic: string, partition: number, reason: string): void;
  /** A compacted topic has begun anew, or lost its end: what is in it now is read from its first record on. */
  onReset(topic: string): void;
  onAbsent(topic: string): void;
  /** A topic that is followed has this many partitions now, which is more than before. */
  onGrowth(topic: string, count: number): void;
  /** Positions were fixed or moved by what the broker said. */
  onChange(): void;
}

/**
 * Which topics are followed, and where.
 *
 * Positions are fixed by the first look that finds the topic: at its end, or at offset 0 when an earlier look had not found it, because then
 * everything in it was written after it was named.
 */
export class FollowedTopics {
  readonly positions = new Positions();
  readonly #hooks: FollowedTopicsHooks;
  #wanted: ReadonlyMap<string, TailedTopic> = new Map();
  readonly #absent = new Set<string>();
  readonly #ends = new Map<string, readonly bigint[]>();

  constructor(hooks: FollowedTopicsHooks) {
    this.#hooks = hooks;
  }

  /** Replaces the set; topics that stay keep their positions. Returns those that left. */
  want(topics: ReadonlyMap<string, TailedTopic>): string[] {
    this.#wanted = new Map(topics);
    const left = this.positions.topics().filter((topic) => !topics.has(topic));
    for (const topic of left) {
      this.positions.forget(topic);
      this.#ends.delete(topic);
    }
    for (const topic of this.#absent) if (!topics.has(topic)) this.#absent.delete(topic);
    return left;
  }

  wanted(): string[] {
    return [...this.#wanted.keys()];
  }

  specOf(topic: string): TailedTopic | undefined {
    return this.#wanted.get(topic);
  }

  /** Looked for, and not there. */
  isAbsent(topic: string): boolean {
    return this.#absent.has(topic);
  }

  isCompacted(topic: string): boolean {
    return this.#wanted.get(topic)?.compacted === true;
  }

  /** Wanted, there, and with positions: what a consumer can subscribe to. Sorted. */
  present(): string[] {
    return this.wanted()
      .filter((topic) => this.positions.has(topic) && !this.#absent.has(topic))
      .sort();
  }

  /** Wanted, and not there or not yet looked up. */
  open(): string[] {
    return this.wanted().filter((topic) => !this.positions.has(topic) || this.#absent.has(topic));
  }

  /** The partition's end as the last look found it. */
  endOf(topic: string, partition: number): bigint | undefined {
    return this.#ends.get(topic)?.[partition];
  }

  /** Looks the topics up: fixes the positions of new ones, and moves positions that have fallen out of the log. */
  async survey(admin: Admin, topics: readonly string[]): Promise<void> {
    for (const topic of topics) {
      // From before the look: a position that has moved meanwhile may be past the end that the look has found.
      const before = [...this.positions.of(topic)];
      const bounds = await boundsOf(admin, topic);
      const start = bounds === undefined ? [] : await this.#startOf(admin, topic, bounds);
      const spec = this.#wanted.get(topic);
      if (spec === undefined) continue;
      if (bounds === undefined) this.#missing(topic);
      else this.#found(topic, start, bounds, before);
    }
  }

  /** Partitions were added, so keys have moved between them. */
  widen(topic: string, count: number): void {
    const known = this.positions.count(topic);
    if (known === 0 || count <= known) return;
    this.positions.widen(topic, count);
    this.#hooks.onGrowth(topic, count);
    this.#gapAll(topic, `partitions grew from ${known} to ${count}`);
  }

  #missing(topic: string): void {
    if (!this.#absent.has(topic)) this.#hooks.onAbsent(topic);
    this.#absent.add(topic);
  }

  /** Where a topic without positions is read from. */
  async #startOf(admin: Admin, topic: string, { low, high }: Bounds): Promise<readonly bigint[]> {
    const from = this.#wanted.get(topic)?.from ?? 'end';
    if (from === 'start') return low;
    if (from === 'end') return this.#absent.has(topic) ? low.map(() => 0n) : high;
    return this.positions.has(topic) ? [] : offsetsSince(admin, topic, from.sinceMs);
  }

  #found(topic: string, start: readonly bigint[], bounds: Bounds, before: readonly bigint[]): void {
    const wasAbsent = this.#absent.delete(topic);
    this.#ends.set(topic, bounds.high);
    if (!this.positions.has(topic)) {
      this.positions.fix(topic, start);
    } else if (wasAbsent) {
      this.positions.fix(topic, bounds.low);
      this.#gapAll(topic, 'the topic was away and has come back');
      if (this.isCompacted(topic)) this.#hooks.onReset(topic);
    } else {
      for (const [partition, low] of bounds.low.entries()) this.#place(topic, partition, low, bounds, before);
    }
    this.#hooks.onChange();
  }

  #place(topic: string, partition: number, low: bigint, bounds: Bounds, before: readonly bigint[]): void {
    const earlier = before[partition];
    if (earlier === undefined) return;
    const now = this.positions.at(topic, partition) ?? earlier;
    const behind = judgePosition(earlier, earlier, bounds.high[partition] ?? earlier);
    const ahead = judgePosition(now, low, now);
    if (behind.type === 'expected' && ahead.type === 'expected') return;
    this.positions.move(topic, partition, low);
    if (this.isCompacted(topic)) this.#hooks.onReset(topic);
    else this.#hooks.onGap(topic, partition, `offset ${now} has left the log, which now begins at ${low}`);
  }

  #gapAll(topic: string, reason: string): void {
    if (this.isCompacted(topic)) return;
    for (const partition of this.positions.of(topic).keys()) this.#hooks.onGap(topic, partition, reason);
  }
}
