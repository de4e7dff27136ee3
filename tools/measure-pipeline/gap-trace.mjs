// Which stage of the pipeline took the time of the longest gap: when the change that ended it was accepted, on the table topic, and with the reader.

/** @typedef {'accepted' | 'table topic'} Stage */

export class GapTrace {
  /** @type {Record<Stage, Map<string, number>>} */
  #times = { accepted: new Map(), 'table topic': new Map() };

  /** The first time counts. @param {Stage} stage @param {string} key @param {number} number @param {number} atMs */
  note(stage, key, number, atMs) {
    const times = this.#times[stage];
    const id = `${key} ${number}`;
    if (!times.has(id)) times.set(id, atMs);
  }

  /**
   * Of the time from acceptance to the reader, what went by before the change was seen on the table topic, and after.
   * @param {import('./ledger.mjs').LedgerResult} result
   * @returns {Readonly<Record<string, number>>} seconds; nothing where it is not known
   */
  stagesOf({ gapKey, gapNumber, gapEndedMs }) {
    const id = `${gapKey} ${gapNumber}`;
    const accepted = this.#times.accepted.get(id);
    const onTable = this.#times['table topic'].get(id);
    if (accepted === undefined || onTable === undefined) return {};
    return {
      gapToTableTopicSeconds: Math.max(0, onTable - accepted) / 1_000,
      gapFromThereSeconds: Math.max(0, gapEndedMs - Math.max(accepted, onTable)) / 1_000,
    };
  }
}
