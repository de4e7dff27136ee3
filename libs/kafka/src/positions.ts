/** What the first offset of a batch says, given the one that was expected. */
export type Arrival =
  | { readonly type: 'expected' }
  /** `ahead`: records were removed before they were read. `behind`: the log was cut or made anew, and its records are others. */
  | { readonly type: 'gap'; readonly direction: 'ahead' | 'behind' };

export function judgeArrival(expected: bigint, first: bigint): Arrival {
  if (first === expected) return { type: 'expected' };
  return { type: 'gap', direction: first > expected ? 'ahead' : 'behind' };
}

/** Where a position stands against the log's bounds: outside of them, it can only be read from the log's start. */
export function judgePosition(position: bigint, low: bigint, high: bigint): Arrival {
  if (position < low) return { type: 'gap', direction: 'ahead' };
  return position > high ? { type: 'gap', direction: 'behind' } : { type: 'expected' };
}

/** First and next offset of every partition, by partition number. */
export interface Bounds {
  readonly low: readonly bigint[];
  readonly high: readonly bigint[];
}

/** The same, where those of a partition without a leader are known to nobody: `undefined`. */
export interface KnownBounds {
  readonly low: readonly (bigint | undefined)[];
  readonly high: readonly (bigint | undefined)[];
}

/** Of a leader in whose time the log reached a position; `undefined`: not known. */
export type LeaderEpoch = number | undefined;

/**
 * The next offset to hand over, per topic and partition, and the leader's epoch by which a log that was cut since is told from the one that was read: kept here,
 * not at the broker, so that a rejoin resumes exactly there.
 */
export class Positions {
  readonly #next = new Map<string, bigint[]>();
  readonly #epochs = new Map<string, LeaderEpoch[]>();

  has(topic: string): boolean {
    return this.#next.has(topic);
  }

  topics(): string[] {
    return [...this.#next.keys()];
  }

  fix(topic: string, offsets: readonly bigint[], epochs: readonly LeaderEpoch[] = []): void {
    this.#next.set(topic, [...offsets]);
    this.#epochs.set(topic, [...epochs]);
  }

  forget(topic: string): void {
    this.#next.delete(topic);
    this.#epochs.delete(topic);
  }

  /** Partition count, 0 when the topic has no positions. */
  count(topic: string): number {
    return this.#next.get(topic)?.length ?? 0;
  }

  of(topic: string): readonly bigint[] {
    return this.#next.get(topic) ?? [];
  }

  at(topic: string, partition: number): bigint | undefined {
    return this.#next.get(topic)?.[partition];
  }

  epochAt(topic: string, partition: number): LeaderEpoch {
    return this.#epochs.get(topic)?.[partition];
  }

  /** Moves a partition to `next`, which may lie before where it stood; without an `epoch`, none is known there. Does nothing for a topic without positions. */
  move(topic: string, partition: number, next: bigint, epoch?: LeaderEpoch): void {
    const offsets = this.#next.get(topic);
    if (offsets === undefined || partition >= offsets.length) return;
    offsets[partition] = next;
    const epochs = this.#epochs.get(topic);
    if (epochs !== undefined) epochs[partition] = epoch;
  }

  /** Adds partitions up to `count`, from their first record. */
  widen(topic: string, count: number): void {
    const offsets = this.#next.get(topic);
    while (offsets !== undefined && offsets.length < count) offsets.push(0n);
  }

  reached(topic: string, ends: readonly bigint[]): boolean {
    const offsets = this.of(topic);
    return ends.every((end, partition) => (offsets[partition] ?? 0n) >= end);
  }
}
