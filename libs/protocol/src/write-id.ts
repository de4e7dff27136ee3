/**
 * Identifies one attempt of one writer: 12 hex digits of wall-clock ms, 4 of a counter, 16 of the writer's incarnation; sorts as text.
 * It names a write. It does not order writes of different writers: only the replica's own transition log does.
 */
export type WriteId = string & { readonly __writeId: true };

export interface WriteIdParts {
  /** Hybrid clock, ms since the epoch, 48 bits. */
  readonly ms: number;
  /** 0…65535. */
  readonly counter: number;
  /** 16 lower-case hex digits, drawn at random at each start of a writer; an out-bid counts up from there. */
  readonly incarnation: string;
}

const counterMax = 0xffff;
const msMax = 0xffff_ffff_ffff;

export function formatWriteId({ ms, counter, incarnation }: WriteIdParts): WriteId {
  return (ms.toString(16).padStart(12, '0') + counter.toString(16).padStart(4, '0') + incarnation) as WriteId;
}

export function isWriteId(text: string): text is WriteId {
  return /^[0-9a-f]{32}$/.test(text);
}

/** The parts of a well-formed write id, else `undefined`. */
export function parseWriteId(text: string): WriteIdParts | undefined {
  if (!isWriteId(text)) return undefined;
  return {
    ms: Number.parseInt(text.slice(0, 12), 16),
    counter: Number.parseInt(text.slice(12, 16), 16),
    incarnation: text.slice(16),
  };
}

/**
 * The hybrid logical clock of one writer: never behind the wall clock, never behind an id it has seen, never the same id twice.
 * An id further ahead than `aheadMaxMs` is not merged, since one broken clock would then poison every other; such an id is out-bid
 * for its key alone, with `above`.
 */
export class WriteClock {
  readonly #incarnation: string;
  readonly #now: () => number;
  readonly #aheadMaxMs: number;
  #ms = 0;
  #counter = 0;
  #outbids = 0n;

  /** `incarnation`: 16 hex digits; `now`: ms since the epoch; `aheadMaxMs`: default 60,000. */
  constructor(incarnation: string, now: () => number, aheadMaxMs = 60_000) {
    this.#incarnation = incarnation;
    this.#now = now;
    this.#aheadMaxMs = aheadMaxMs;
  }

  /** A fresh id, greater than every id minted or merged before. */
  mint(): WriteId {
    this.#advance(Math.floor(this.#now()));
    return formatWriteId({ ms: this.#ms, counter: this.#counter, incarnation: this.#incarnation });
  }

  /** Moves the clock past `id`; `false` when it is malformed or too far ahead, and was left out. */
  merge(id: string): boolean {
    const parts = parseWriteId(id);
    if (parts === undefined || parts.ms > this.#now() + this.#aheadMaxMs) return false;
    if (parts.ms > this.#ms || (parts.ms === this.#ms && parts.counter > this.#counter)) {
      this.#ms = parts.ms;
      this.#counter = parts.counter;
    }
    return true;
  }

  /**
   * A fresh id just above `id`, for one key whose writer's clock runs far ahead; `undefined` when no id is above it. The clock stays where
   * it is, so each out-bid carries an incarnation of its own: two attempts above the same id must not share one.
   */
  above(id: WriteId): WriteId | undefined {
    const parts = parseWriteId(id);
    if (parts === undefined) return undefined;
    const carry = parts.counter >= counterMax;
    const ms = carry ? parts.ms + 1 : parts.ms;
    if (ms > msMax) return undefined;
    this.#outbids += 1n;
    const incarnation = BigInt.asUintN(64, BigInt(`0x${this.#incarnation}`) + this.#outbids);
    return formatWriteId({
      ms,
      counter: carry ? 0 : parts.counter + 1,
      incarnation: incarnation.toString(16).padStart(16, '0'),
    });
  }

  #advance(ms: number): void {
    if (ms > this.#ms) {
      this.#ms = ms;
      this.#counter = 0;
    } else if (this.#counter < counterMax) {
      this.#counter += 1;
    } else {
      this.#ms += 1;
      this.#counter = 0;
    }
  }
}
