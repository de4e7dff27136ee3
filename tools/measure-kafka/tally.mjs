// What one consumer was sent and what it got: numbered records, partition by partition, and the pauses between them.

/**
 * @typedef {object} Result
 * @property {number} sent records that the brokers acknowledged
 * @property {number} received of these, once each
 * @property {number} lost acknowledged and never received
 * @property {number} repeated deliveries beyond the first of a record
 * @property {number} disordered first deliveries that came after a later record of their partition
 * @property {number} gaps times that the consumer told of records it may have missed
 * @property {number} silenceMs longest time in which one partition brought nothing
 */

/** Counts for one consumer, or for several that share their partitions. */
export class Tally {
  /** @type {() => number} */
  #now;
  #partitions;
  #gaps = 0;
  #closed = false;

  /**
   * @param {number} partitions
   * @param {() => number} now ms on a clock that never jumps
   */
  constructor(partitions, now) {
    this.#now = now;
    this.#partitions = Array.from({ length: partitions }, () => ({
      acknowledged: new Set(/** @type {number[]} */ ([])),
      received: new Set(/** @type {number[]} */ ([])),
      highest: -1,
      repeated: 0,
      disordered: 0,
      heardAt: now(),
      silenceMs: 0,
    }));
  }

  /** @param {number} partition @param {number} number */
  acknowledged(partition, number) {
    this.#at(partition).acknowledged.add(number);
  }

  /** @param {number} partition @param {readonly number[]} numbers in the order in which they came */
  received(partition, numbers) {
    const at = this.#at(partition);
    this.#hear(at);
    for (const number of numbers) {
      if (at.received.has(number)) at.repeated += 1;
      else if (number < at.highest) at.disordered += 1;
      at.received.add(number);
      at.highest = Math.max(at.highest, number);
    }
  }

  gap() {
    this.#gaps += 1;
  }

  /** Nothing is sent any more, so that silence means nothing from here on. */
  stop() {
    for (const at of this.#partitions) this.#hear(at);
    this.#closed = true;
  }

  /** How many records each partition has brought. */
  get counts() {
    return this.#partitions.map(({ received }) => received.size);
  }

  /** How many acknowledged records have not come. */
  get missing() {
    return this.#partitions.reduce((sum, { acknowledged, received }) => sum + missingOf(acknowledged, received), 0);
  }

  /** @returns {Result} */
  result() {
    const total = {
      sent: 0,
      received: 0,
      lost: this.missing,
      repeated: 0,
      disordered: 0,
      gaps: this.#gaps,
      silenceMs: 0,
    };
    for (const at of this.#partitions) {
      total.sent += at.acknowledged.size;
      total.received += at.acknowledged.size - missingOf(at.acknowledged, at.received);
      total.repeated += at.repeated;
      total.disordered += at.disordered;
      total.silenceMs = Math.max(total.silenceMs, at.silenceMs);
    }
    return total;
  }

  /** @param {number} partition */
  #at(partition) {
    const at = this.#partitions[partition];
    if (at === undefined)
      throw new RangeError(`partition: expected 0 to ${this.#partitions.length - 1}, got ${partition}`);
    return at;
  }

  /** @param {{ heardAt: number, silenceMs: number }} at */
  #hear(at) {
    if (this.#closed) return;
    const now = this.#now();
    at.silenceMs = Math.max(at.silenceMs, now - at.heardAt);
    at.heardAt = now;
  }
}

/** @param {ReadonlySet<number>} acknowledged @param {ReadonlySet<number>} received */
function missingOf(acknowledged, received) {
  let missing = 0;
  for (const number of acknowledged) if (!received.has(number)) missing += 1;
  return missing;
}
