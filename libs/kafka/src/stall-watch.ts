import { type Clock } from '@tidemark/runtime';

/** A partition that has records which do not arrive. */
export interface Stalled {
  readonly topic: string;
  readonly partition: number;
  /** Next offset at the broker. */
  readonly end: bigint;
}

export interface StallWatchOptions {
  readonly clock: Clock;
  /** Where each partition stands of which records are to arrive. */
  readonly positions: () => Iterable<readonly [topic: string, partition: number, position: bigint]>;
  /** Asked of the broker: its end, or `undefined` when it could not be asked. */
  readonly end: (topic: string, partition: number) => bigint | undefined;
  /** Brings what `end` answers up to date, for these topics. */
  readonly survey: (topics: readonly string[]) => Promise<void>;
  /** First time between two looks at partitions that stand still, ms. Default 5,000. */
  readonly lookMs?: number;
  /** The time doubles up to this while nothing is wrong, ms. Default 60,000. */
  readonly lookMaxMs?: number;
}

/** So many answers without data in one turn are no long polls: a batch without records is being sent again and again. */
const emptyAnswersMax = 20;

/**
 * Finds partitions that have records which do not arrive although the broker answers.
 *
 * A partition that moves needs no look. One that stands still is compared with its end, seldom when all is well, and at once when the broker
 * answers fetches with nothing much faster than a long poll would.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  #seen: ReadonlyMap<string, bigint> = new Map();
  readonly #behind = new Set<string>();
  #lookAtMs: number;
  #intervalMs: number;
  #emptyAnswers = 0;

  constructor(options: StallWatchOptions) {
    this.#options = options;
    this.#intervalMs = options.lookMs ?? 5_000;
    this.#lookAtMs = options.clock.monotonicMs() + this.#intervalMs;
  }

  /** One turn, about once a second; `emptyAnswers` is the session's running count. */
  async turn(emptyAnswers: number): Promise<readonly Stalled[]> {
    const { clock, lookMs = 5_000, lookMaxMs = 60_000 } = this.#options;
    const spinning = emptyAnswers - this.#emptyAnswers >= emptyAnswersMax;
    this.#emptyAnswers = emptyAnswers;
    const still = this.#standingStill();
    const due = clock.monotonicMs() >= this.#lookAtMs;
    if (still.length === 0 || !(spinning || due || this.#behind.size > 0)) return [];
    await this.#options.survey([...new Set(still.map(({ topic }) => topic))]);
    const stalled = still.flatMap((place) => this.#compare(place));
    this.#intervalMs = stalled.length > 0 ? lookMs : Math.min(lookMaxMs, this.#intervalMs * 2);
    this.#lookAtMs = clock.monotonicMs() + this.#intervalMs;
    return stalled;
  }

  /** A new session begins: what stood still may move again. */
  reset(): void {
    const { clock, lookMs = 5_000 } = this.#options;
    this.#seen = new Map();
    this.#behind.clear();
    this.#emptyAnswers = 0;
    this.#intervalMs = lookMs;
    this.#lookAtMs = clock.monotonicMs() + lookMs;
  }

  #standingStill(): { topic: string; partition: number; position: bigint }[] {
    const still = [];
    const seen = new Map<string, bigint>();
    for (const [topic, partition, position] of this.#options.positions()) {
      const id = `${topic}|${partition}`;
      if (this.#seen.get(id) === position) still.push({ topic, partition, position });
      else this.#behind.delete(id);
      seen.set(id, position);
    }
    for (const id of this.#behind) if (!seen.has(id)) this.#behind.delete(id);
    this.#seen = seen;
    return still;
  }

  /** Behind in two turns running without a move between them: a record that had just been written has arrived by then. */
  #compare(place: { topic: string; partition: number; position: bigint }): Stalled[] {
    const { topic, partition, position } = place;
    const id = `${topic}|${partition}`;
    const end = this.#options.end(topic, partition);
    if (end === undefined || end <= position) {
      this.#behind.delete(id);
      return [];
    }
    if (!this.#behind.has(id)) {
      this.#behind.add(id);
      return [];
    }
    return [{ topic, partition, end }];
  }
}
