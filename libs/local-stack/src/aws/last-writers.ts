import { type Clock } from '@tidemark/runtime';

/** When and where a version of an item was written; the private property by which global tables settle conflicts. */
export interface WriteStamp {
  /** µs since the epoch, by the clock of the writing region. */
  readonly micros: number;
  readonly region: string;
}

/** Whether `stamp` wins over `held`: the later time, then the greater region name, so that every region decides alike. */
export function isNewer(stamp: WriteStamp, held: WriteStamp | undefined): boolean {
  if (held === undefined || stamp.micros > held.micros) return true;
  return stamp.micros === held.micros && stamp.region > held.region;
}

/** Time in µs that never repeats and never goes back, even when the wall clock does. */
export class MicrosClock {
  readonly #clock: Clock;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): number {
    const withinMs = Math.floor((this.#clock.monotonicMs() % 1) * 1000);
    this.#last = Math.max(Math.floor(this.#clock.now()) * 1000 + withinMs, this.#last + 1);
    return this.#last;
  }
}

/**
 * The stamp of the last write of every key of the global tables of one region. A stamp outlives its item: it is what keeps an older
 * put that arrives after a delete from bringing the item back. It goes with its table, so it is bounded as the table is.
 */
export class LastWriters {
  readonly #region: string;
  readonly #tables = new Map<string, Map<string, WriteStamp>>();

  constructor(region: string) {
    this.#region = region;
  }

  get(table: string, keyId: string): WriteStamp | undefined {
    return this.#tables.get(table)?.get(keyId);
  }

  record(table: string, keyId: string, stamp: WriteStamp): void {
    const stamps = this.#tables.get(table);
    if (stamps === undefined) this.#tables.set(table, new Map([[keyId, stamp]]));
    else stamps.set(keyId, stamp);
  }

  /** Records a write of this region; it wins over what it overwrites even when that came from a region whose clock is ahead. */
  recordLocal(table: string, keyId: string, nowMicros: number): WriteStamp {
    const held = this.get(table, keyId);
    const stamp = { micros: Math.max(nowMicros, (held?.micros ?? 0) + 1), region: this.#region };
    this.record(table, keyId, stamp);
    return stamp;
  }

  forget(table: string): void {
    this.#tables.delete(table);
  }
}
