/** No stream of Kinesis keeps records for less, ms (AWS: 24 to 8,760 hours). */
export const leastRetentionMs = 24 * 3_600_000;

/**
 * Before when records may have left the stream, as far as a worker can know. Longer retention brings nothing back that has left, so what was gone by the shorter one stays
 * gone. How short it has been while nobody wrote a row of the lease table, the row tells: it may have been made longer just now.
 *
 * Times are ms since the epoch, by this worker's clock.
 */
export class StreamRetention {
  readonly #marginMs: number;
  /** As it was last looked at, ms; `undefined`: it was not. */
  #retentionMs: number | undefined;
  /** Also where less is gone by what the stream keeps now. */
  #goneBefore = -Infinity;
  #looks = 0;
  /** The longest that was not covered when a page came, ms, since the last look was asked for: the retention may have been shortened before. */
  #passedMs = 0;
  /** The same before that, of what no look has judged. */
  #passedBeforeMs = 0;
  #shortenings = 0;

  /** `marginMs`: what is as near to its end as this counts as gone. */
  constructor(marginMs: number) {
    this.#marginMs = marginMs;
  }

  /** What was accepted less long ago than this is not gone, ms. */
  get keptMs(): number {
    return this.#keptOf(this.#retentionMs ?? Infinity);
  }

  /** How often the retention was looked at. */
  get looks(): number {
    return this.#looks;
  }

  /** A look is asked for: what passes from now on may do so after it was served, so it is left to the next one, too. */
  ask(): void {
    this.#passedBeforeMs = Math.max(this.#passedBeforeMs, this.#passedMs);
    this.#passedMs = 0;
  }

  /** Takes note of the stream's retention, as it is at `now`. */
  note(retentionMs: number, now: number): void {
    if (retentionMs !== this.#retentionMs) this.#goneBefore = this.goneBefore(now);
    this.#retentionMs = retentionMs;
    this.#looks += 1;
    if (Math.max(this.#passedBeforeMs, this.#passedMs) > this.keptMs) {
      this.#shortenings += 1;
      this.#passedMs = 0;
    }
    this.#passedBeforeMs = 0;
  }

  /** A page came of a shard that was not covered for so long. */
  passed(uncoveredMs: number): void {
    this.#passedMs = Math.max(this.#passedMs, uncoveredMs);
  }

  /** How often a look showed that what a page passed over may have been gone by then. */
  get shortenings(): number {
    return this.#shortenings;
  }

  /** What was accepted before this may have left the stream. */
  goneBefore(now: number): number {
    // Noted while this worker's clock was ahead: what was gone then was gone by now.
    this.#goneBefore = Math.min(this.#goneBefore, now);
    return Math.max(this.#goneBefore, now - this.keptMs);
  }

  /** Whether nothing can be missing of a shard that is read, or covered by a flush, up to `upTo`; `null`: nothing is known. Of a time that has not come by far, no clock that is right has said it. */
  covers(upTo: number | null, now: number): upTo is number {
    return upTo !== null && upTo <= now + this.#marginMs && upTo >= this.goneBefore(now);
  }

  /** The same of what a row says; `retentionMs`: what the row says of that. */
  coversSince(upTo: number | null, retentionMs: number, now: number): upTo is number {
    return this.covers(upTo, now) && upTo >= now - this.#keptOf(retentionMs);
  }

  /**
   * What a row says of the retention from now on, beside the claim `readUpTo`; `told`: what it says so far. Longer than that only where nothing can have left the stream behind the
   * claim by what was told: else whoever takes the lease next must know of it, too. `hasLooked`: whether there was a look since the lease was taken.
   */
  toTell(told: number | undefined, readUpTo: number | null, now: number, hasLooked = true): number | undefined {
    const present = this.#retentionMs;
    if (present === undefined) return told;
    const before = told ?? leastRetentionMs;
    // Nothing is claimed: the shortest that there was while that is so.
    if (readUpTo === null) return Math.min(present, told ?? (hasLooked ? present : leastRetentionMs));
    return present <= before || (hasLooked && this.coversSince(readUpTo, before, now)) ? present : before;
  }

  #keptOf(retentionMs: number): number {
    return retentionMs - Math.min(this.#marginMs, retentionMs / 2);
  }
}
