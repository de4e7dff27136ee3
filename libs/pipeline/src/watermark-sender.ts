import { type Clock, isTidemarkError, messageOf, wait } from '@tidemark/runtime';
import { intoEveryPartition } from './outgoing-records.js';
import { isRefusal } from './table-debts.js';
import { type TableTopics } from './table-topics.js';

/** Topics that are sent a watermark at the same time. */
const topicsAtOnce = 32;

export interface Watermark {
  /** Everything that the stream accepted before then is acknowledged, ms since the epoch. */
  readonly at: number;
  readonly streamId: string;
}

/** Sends the watermark into every partition of every table topic: one that fails, or does not answer, keeps it from no other. */
export class WatermarkSender {
  readonly #topics: TableTopics;
  readonly #clock: Clock;
  /** Topics whose last watermark is not acknowledged yet. */
  readonly #awaited = new Set<string>();
  /** Topics whose last watermark failed, and why. */
  readonly #failed = new Map<string, Error>();

  constructor(topics: TableTopics, clock: Clock) {
    this.#topics = topics;
    this.#clock = clock;
  }

  /**
   * Waits no longer than `patienceMs`, after half of that for a list of topics. Where there is none, the last one does, however old it is: a topic that it lacks
   * has no watermark, so that pods read its table through. Resolves to how many topics have acknowledged it, and to why one, or the list, fails at present.
   */
  async publish(
    watermark: Watermark,
    isWithheld: (table: string) => boolean,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly acknowledged: number; readonly failure: Error | undefined }> {
    const known = await this.#topics.known(patienceMs / 2, signal);
    const topics = [...known.topics].filter((topic) => !isWithheld(this.#topics.tableOf(topic)));
    const due = new Set(topics);
    for (const topic of this.#failed.keys()) if (!due.has(topic)) this.#failed.delete(topic);
    const queue = topics.filter((topic) => !this.#awaited.has(topic));
    let acknowledged = 0;
    const sendFromQueue = async (): Promise<void> => {
      for (let topic = queue.shift(); topic !== undefined && !signal.aborted; topic = queue.shift())
        if (await this.#trySend(topic, watermark, signal)) acknowledged += 1;
    };
    const patience = new AbortController();
    const sent = Promise.all(Array.from({ length: topicsAtOnce }, sendFromQueue)).finally(() => patience.abort());
    await Promise.race([sent, wait(this.#clock, patienceMs, patience.signal)]);
    return { acknowledged, failure: known.failure ?? [...this.#failed.values()][0] };
  }

  /** Resolves where the topic takes records in every partition, now: a watermark that claims nothing. Fails as the sink does. */
  probe(topic: string, signal: AbortSignal): Promise<void> {
    return this.#send(topic, { at: 0, streamId: 'none' }, signal);
  }

  async #trySend(topic: string, watermark: Watermark, signal: AbortSignal): Promise<boolean> {
    this.#awaited.add(topic);
    try {
      await this.#send(topic, watermark, signal);
      this.#failed.delete(topic);
      return true;
    } catch (error) {
      if (isTidemarkError(error, 'TOPIC_MISSING')) this.#topics.forget(topic);
      else if (!isRefusal(error)) this.#topics.doubt(topic);
      this.#failed.set(topic, error instanceof Error ? error : new Error(messageOf(error)));
      return false;
    } finally {
      this.#awaited.delete(topic);
    }
  }

  async #send(topic: string, { at, streamId }: Watermark, signal: AbortSignal): Promise<void> {
    const count = await this.#topics.partitionsOf(topic, signal);
    const table = this.#topics.tableOf(topic);
    const watermark = { control: 'watermark', table, at, streamId, since: null } as const;
    await this.#topics.send(topic, intoEveryPartition(watermark, count), signal);
  }
}
