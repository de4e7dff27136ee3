import { SlidingSlots } from './sliding-slots.js';

/** What became of requests in a time. */
interface Outcomes {
  /** All that callers asked for, those that were shed included. */
  asked: number;
  /** Those that the store answered. */
  accepted: number;
}

export interface BreakerOptions {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Sliding window, ms; default 5,000. */
  readonly windowMs?: number;
  /** Requests in the window below which nothing is shed; default 20. */
  readonly askedMin?: number;
  /** Never more than this share is shed; default 0.9: the rest are the probes that see it end. */
  readonly shedMax?: number;
  /** A request always goes out when none has for so long, ms; default 1,000. */
  readonly probeMs?: number;
}

/**
 * Sheds a fraction of the requests to a store that does not answer them: so many that it is asked for about `headroom` times what it
 * answers. There are no states to flip between: with the answers, the fraction falls by itself.
 */
export class Breaker {
  readonly #slots: SlidingSlots<Outcomes>;
  readonly #options: Required<BreakerOptions>;
  #sentAtMs = -Infinity;

  constructor(options: BreakerOptions) {
    this.#options = { windowMs: 5_000, askedMin: 20, shedMax: 0.9, probeMs: 1_000, ...options };
    this.#slots = new SlidingSlots({
      ...{ windowMs: this.#options.windowMs, slots: 10 },
      make: (): Outcomes => ({ asked: 0, accepted: 0 }),
      clear: (slot) => Object.assign(slot, { asked: 0, accepted: 0 }),
    });
  }

  /** Whether a request may be sent; one that may not has been counted. */
  admits(nowMs: number, headroom: number): boolean {
    const share = this.shedShare(nowMs, headroom);
    const slot = this.#slots.current(nowMs);
    const isProbe = nowMs - this.#sentAtMs >= this.#options.probeMs;
    if (share > 0 && !isProbe && this.#options.random() < share) {
      slot.asked += 1;
      return false;
    }
    this.#sentAtMs = nowMs;
    return true;
  }

  /** `ignored`: says nothing about the load, as a caller's own abort. */
  settled(nowMs: number, outcome: 'accepted' | 'overloaded' | 'ignored'): void {
    if (outcome === 'ignored') return;
    const slot = this.#slots.current(nowMs);
    slot.asked += 1;
    if (outcome === 'accepted') slot.accepted += 1;
  }

  /** The share that is shed now. */
  shedShare(nowMs: number, headroom: number): number {
    let asked = 0;
    let accepted = 0;
    for (const slot of this.#slots.all(nowMs)) {
      asked += slot.asked;
      accepted += slot.accepted;
    }
    const { askedMin, shedMax } = this.#options;
    return asked < askedMin ? 0 : shedShare(asked, accepted, headroom, shedMax);
  }
}

/** 0 while the store answers at least one in `headroom` of what is asked. */
export function shedShare(asked: number, accepted: number, headroom: number, shedMax: number): number {
  return Math.min(shedMax, Math.max(0, (asked - headroom * accepted) / (asked + 1)));
}
