import { type Clock } from '@tidemark/runtime';

/** A partition that is refused is asked for again, and refused again, or its topic looked up in vain, within this time, ms. */
const againWithinMs = 15_000;
/** Refused again after so long, it is told, ms. */
const toldAfterMs = 3_000;

interface Refusal {
  readonly topic: string;
  readonly partition: number;
  /** On the monotonic clock, ms. */
  readonly sinceMs: number;
  readonly atMs: number;
}

/** What brokers refuse to hand over although it is there, by partition: nothing else tells of it, for the brokers answer. */
export class Refusals {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #refusals = new Map<string, Refusal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(topic: string, partition: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#forget(nowMs);
    const id = idOf(topic, partition);
    const sinceMs = this.#refusals.get(id)?.sinceMs ?? nowMs;
    this.#refusals.delete(id);
    this.#refusals.set(id, { topic, partition, sinceMs, atMs: nowMs });
  }

  /** The topic could not be looked up either: what was refused of it is not asked for until it can be. */
  still(topic: string): void {
    this.#forget(this.#clock.monotonicMs());
    for (const refusal of [...this.#refusals.values()])
      if (refusal.topic === topic) this.note(topic, refusal.partition);
  }

  /** It is handed over again. */
  came(topic: string, partition: number): void {
    if (this.#refusals.size > 0) this.#refusals.delete(idOf(topic, partition));
  }

  /** Whether the partition was refused of late. */
  has(topic: string, partition: number): boolean {
    const known = this.#refusals.get(idOf(topic, partition));
    return known !== undefined && this.#isOn(known, this.#clock.monotonicMs());
  }

  /** Topics of which something is refused, for some time now. */
  get topics(): ReadonlySet<string> {
    const nowMs = this.#clock.monotonicMs();
    const isTold = (refusal: Refusal): boolean =>
      this.#isOn(refusal, nowMs) && refusal.atMs - refusal.sinceMs >= toldAfterMs;
    return new Set([...this.#refusals.values()].filter(isTold).map(({ topic }) => topic));
  }

  /** What is not refused any more. */
  #forget(nowMs: number): void {
    for (const [id, refusal] of this.#refusals) {
      if (this.#isOn(refusal, nowMs)) return;
      this.#refusals.delete(id);
    }
  }

  #isOn({ atMs }: Refusal, nowMs: number): boolean {
    return nowMs - atMs < againWithinMs;
  }
}

function idOf(topic: string, partition: number): string {
  return `${topic}|${partition}`;
}
