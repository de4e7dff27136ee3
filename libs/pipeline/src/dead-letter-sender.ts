import { type TopicNames } from '@tidemark/protocol';
import { type Clock, type Logger, messageOf, withDeadline } from '@tidemark/runtime';
import { type DeadLetter, outgoingDeadLetter } from './dead-letter.js';
import { type SyncMetrics } from './sync-metrics.js';
import { type TableTopics } from './table-topics.js';

export interface DeadLetterSenderOptions {
  readonly names: TopicNames;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SyncMetrics;
  /** Most time for the dead letters of one page, ms. */
  readonly sendTimeoutMs: number;
}

/** In one send, until one has failed. */
const lettersAtOnce = 50;
/** Attempts at one letter, and letters in a row that may be lost before the rest of the page is. */
const failuresMax = 3;

/**
 * Sends dead letters, a courtesy to operators: what the records spoke of has been dropped already. So the shard waits for those of a page no longer than for one call
 * to Kafka; what is not acknowledged by then is logged and counted as lost.
 */
export class DeadLetterSender {
  readonly #topics: TableTopics;
  readonly #options: DeadLetterSenderOptions;

  constructor(topics: TableTopics, options: DeadLetterSenderOptions) {
    this.#topics = topics;
    this.#options = options;
  }

  /** Never rejects. */
  async send(letters: readonly DeadLetter[], signal: AbortSignal): Promise<void> {
    if (letters.length === 0) return;
    const { clock, log, metrics, sendTimeoutMs } = this.#options;
    for (const { reason, shardId, table, record } of letters)
      log.warn({ shardId, sequenceNumber: record.sequenceNumber, table, reason }, 'a record cannot be translated');
    metrics.deadLetters.value += letters.length;
    const left = [...letters];
    const lost: DeadLetter[] = [];
    const what = 'sending dead letters';
    try {
      await withDeadline({ clock, timeoutMs: sendTimeoutMs, what, signal }, (inner) =>
        this.#sendAll(left, lost, inner),
      );
    } catch (error) {
      lost.push(...left.splice(0));
      const [first] = lost;
      // The time was over behind the last of them.
      if (first === undefined) return;
      const { shardId, record } = first;
      metrics.deadLettersLost.value += lost.length;
      log.error(
        { shardId, lost: lost.length, sequenceNumber: record.sequenceNumber, error: messageOf(error) },
        'dead letters are lost, from this one on',
      );
    }
  }

  /** Takes what is acknowledged out of `left`; one by one once a send has failed, for one alone may be too large. */
  async #sendAll(left: DeadLetter[], lost: DeadLetter[], signal: AbortSignal): Promise<void> {
    let atOnce = lettersAtOnce;
    let failures = 0;
    let last: unknown;
    while (left.length > 0 && !signal.aborted) {
      const batch = left.slice(0, atOnce);
      try {
        await this.#sendOnce(batch, signal);
        left.splice(0, batch.length);
        failures = 0;
      } catch (error) {
        last = error;
        this.#topics.doubt(this.#options.names.deadLetters);
        if (atOnce === 1) failures += 1;
        atOnce = 1;
        if (failures < failuresMax) continue;
        lost.push(...left.splice(0, 1));
        if (lost.length >= failuresMax) throw error;
        failures = 0;
      }
    }
    if (lost.length > 0) throw last;
  }

  async #sendOnce(letters: readonly DeadLetter[], signal: AbortSignal): Promise<void> {
    const { names, clock } = this.#options;
    const partitions = await this.#topics.partitionsOf(names.deadLetters, signal);
    const outgoing = letters.map((letter) => outgoingDeadLetter(letter, clock.now(), partitions));
    await this.#topics.send(names.deadLetters, outgoing, signal);
  }
}
