// What a writer knows to be in the stream, and what a reader of Kafka got of it: numbered changes, key by key.

/**
 * @typedef {object} LedgerResult
 * @property {number} written changes that the stream has accepted
 * @property {number} received of these, once each
 * @property {number} lost accepted and never received
 * @property {number} duplicates deliveries beyond the first of a change
 * @property {number} keysRepeated keys of which a change came again behind a later one
 * @property {number} disordered first deliveries that came after a later change of their key
 * @property {number} gapMs longest time between two first deliveries of one key
 * @property {string | null} gapKey whose that is
 * @property {number} gapNumber the change that ended it
 * @property {number} gapEndedMs when that came
 * @property {number} delayMs longest time from acceptance to the first delivery
 */

/**
 * @typedef {object} KeyState
 * @property {Map<number, number>} open accepted and not received, with when they were accepted
 * @property {Set<number>} seen received
 * @property {number} written
 * @property {number} highest received
 * @property {boolean} isRepeated a change came again behind a later one
 * @property {number | undefined} heardAt
 */

/** Numbers of one key go up by one; a change may be received before its writer knows that it was accepted. */
export class Ledger {
  /** @type {Map<string, KeyState>} */
  #keys = new Map();
  #duplicates = 0;
  #disordered = 0;
  #delayMs = 0;
  #gap = { ms: 0, key: /** @type {string | null} */ (null), number: 0, endedMs: 0 };

  /** @param {string} key @param {number} number @param {number} atMs on a clock that never jumps, as all times here */
  accepted(key, number, atMs) {
    const state = this.#state(key);
    state.written += 1;
    if (!state.seen.has(number)) state.open.set(number, atMs);
  }

  /** @param {string} key @param {number} number @param {number} atMs */
  received(key, number, atMs) {
    const state = this.#state(key);
    if (state.seen.has(number)) {
      this.#duplicates += 1;
      state.isRepeated ||= number < state.highest;
      return;
    }
    state.seen.add(number);
    if (number < state.highest) this.#disordered += 1;
    state.highest = Math.max(state.highest, number);
    this.#delayMs = Math.max(this.#delayMs, atMs - (state.open.get(number) ?? atMs));
    state.open.delete(number);
    if (state.heardAt !== undefined && atMs - state.heardAt > this.#gap.ms)
      this.#gap = { ms: atMs - state.heardAt, key, number, endedMs: atMs };
    state.heardAt = atMs;
  }

  /** How many accepted changes have not come. */
  get missing() {
    let missing = 0;
    for (const { open } of this.#keys.values()) missing += open.size;
    return missing;
  }

  /** @returns {LedgerResult} */
  result() {
    const lost = this.missing;
    let written = 0;
    let keysRepeated = 0;
    for (const state of this.#keys.values()) {
      written += state.written;
      if (state.isRepeated) keysRepeated += 1;
    }
    return {
      written,
      received: written - lost,
      lost,
      duplicates: this.#duplicates,
      keysRepeated,
      disordered: this.#disordered,
      gapMs: this.#gap.ms,
      gapKey: this.#gap.key,
      gapNumber: this.#gap.number,
      gapEndedMs: this.#gap.endedMs,
      delayMs: this.#delayMs,
    };
  }

  /** @param {string} key */
  #state(key) {
    let state = this.#keys.get(key);
    if (state === undefined) {
      state = { open: new Map(), seen: new Set(), written: 0, highest: -1, isRepeated: false, heardAt: undefined };
      this.#keys.set(key, state);
    }
    return state;
  }
}
