import { isTidemarkError, messageOf } from '@tidemark/runtime';

import { type TopicCount } from './dispatch-plan.js';
import { type EventSink } from './ports.js';
import { isDenied } from './table-debts.js';

/** Partition counts of the topics that routes name, as last seen. */
export class DispatchTopics {
  readonly #sink: EventSink;
  readonly #counts = new Map<string, TopicCount>();

  constructor(sink: EventSink) {
    this.#sink = sink;
  }

  readonly countOf = (topic: string): TopicCount => this.#counts.get(topic);

  /** Asks for those of `topics` that are not known, or were not in order. */
  async learn(topics: readonly string[], signal: AbortSignal): Promise<void> {
    const unknown = topics.filter((topic) => !('partitions' in (this.#counts.get(topic) ?? {})));
    if (unknown.length > 0) await this.#ask(unknown, signal);
  }

  /** Asks for all of `topics`, and forgets every other. */
  async refresh(topics: readonly string[], signal: AbortSignal): Promise<void> {
    for (const topic of [...this.#counts.keys()]) if (!topics.includes(topic)) this.#counts.delete(topic);
    await this.#ask(topics, signal);
  }

  /** Notes that a send found the topic missing, or without the partition. */
  broken(topic: string, problem: string): void {
    this.#counts.set(topic, { problem, missing: true });
  }

  async #ask(topics: readonly string[], signal: AbortSignal): Promise<void> {
    await Promise.all(topics.map((topic) => this.#askOne(topic, signal)));
  }

  /** A count that was known stays when the brokers do not answer: that alone is no reason to stop. An answer is, also one that denies it. */
  async #askOne(topic: string, signal: AbortSignal): Promise<void> {
    try {
      this.#counts.set(topic, { partitions: await this.#sink.partitionsOf(topic, signal) });
    } catch (error) {
      const missing = isTidemarkError(error, 'TOPIC_MISSING');
      const problem = missing ? 'there is no such topic' : messageOf(error);
      const isAnswer = missing || isDenied(error);
      if (isAnswer || this.#counts.get(topic) === undefined) this.#counts.set(topic, { problem, missing });
    }
  }
}
