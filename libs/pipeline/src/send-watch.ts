import { type Clock } from '@tidemark/runtime';

import { type EventSink, type OutgoingRecord } from './ports.js';

/** A sink whose sends are timed, topic by topic: brokers that are gone leave a send without an answer long before it fails. */
export class SendWatch implements EventSink {
  readonly #sink: EventSink;
  readonly #clock: Clock;
  /** When the sends under way began, on the monotonic clock, ms; oldest first. */
  readonly #underWay = new Map<string, Set<{ readonly sinceMs: number }>>();

  constructor(sink: EventSink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  partitionsOf(topic: string, signal: AbortSignal): Promise<number> {
    return this.#sink.partitionsOf(topic, signal);
  }

  listTopics(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#sink.listTopics(prefix, signal);
  }

  async send(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
    const sent = { sinceMs: this.#clock.monotonicMs() };
    const underWay = this.#underWay.get(topic) ?? new Set();
    this.#underWay.set(topic, underWay.add(sent));
    try {
      await this.#sink.send(topic, records, signal);
    } finally {
      underWay.delete(sent);
      if (underWay.size === 0) this.#underWay.delete(topic);
    }
  }

  /** For how long the oldest send into `topic` has had no answer, ms; 0: none is under way. */
  unansweredMs(topic: string): number {
    for (const { sinceMs } of this.#underWay.get(topic) ?? []) return this.#clock.monotonicMs() - sinceMs;
    return 0;
  }
}
