import { TidemarkError } from '@tidemark/runtime';

import { type OutgoingRecord } from '../ports.js';
import { FakeEventSink } from './fake-event-sink.js';

/** A `FakeEventSink` whose topics stall or lose answers on demand, and that counts the sends under way. */
export class FlakyEventSink extends FakeEventSink {
  /** Most sends under way into one partition at once. */
  inFlightMax = 0;
  readonly #inFlight = new Map<string, number>();
  readonly #failures: { topic: string; written: boolean }[] = [];
  readonly #stalls = new Map<string, Promise<void>>();

  /** The next send to `topic` fails; with `written`, after its records were written, as after a lost answer. */
  failNext(topic: string, options: { readonly written?: boolean } = {}): void {
    this.#failures.push({ topic, written: options.written ?? false });
  }

  /** Sends to `topic` wait until the returned function is called, or their signal is aborted. */
  stall(topic: string): () => void {
    let release: () => void = () => undefined;
    this.#stalls.set(topic, new Promise<void>((resolve) => (release = resolve)));
    return () => {
      this.#stalls.delete(topic);
      release();
    };
  }

  override async send(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void> {
    const places = new Set(records.map(({ partition }) => `${topic}:${partition}`));
    for (const place of places) this.#count(place, 1);
    try {
      await unlessAborted(this.#stalls.get(topic), signal);
      const failure = this.#takeFailure(topic);
      if (failure?.written !== false) await super.send(topic, records, signal);
      if (failure !== undefined) {
        throw new TidemarkError('PUBLISH_FAILED', `send to ${topic} failed`, { retriable: true });
      }
    } finally {
      for (const place of places) this.#count(place, -1);
    }
  }

  #count(place: string, change: number): void {
    const count = (this.#inFlight.get(place) ?? 0) + change;
    this.#inFlight.set(place, count);
    this.inFlightMax = Math.max(this.inFlightMax, count);
  }

  #takeFailure(topic: string): { readonly written: boolean } | undefined {
    const index = this.#failures.findIndex((failure) => failure.topic === topic);
    return index === -1 ? undefined : this.#failures.splice(index, 1)[0];
  }
}

async function unlessAborted(stall: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  if (stall === undefined) return;
  const aborted = new Promise<void>((_, reject) => {
    const abort = (): void => reject(new TidemarkError('ABORTED', 'the call was aborted', { retriable: false }));
    signal.addEventListener('abort', abort, { once: true });
  });
  await Promise.race([stall, aborted]);
}
