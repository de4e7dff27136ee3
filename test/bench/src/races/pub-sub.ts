import { type BusLink } from './bus-link.js';

interface Subscription {
  readonly link: BusLink;
  readonly topic: string;
  readonly handler: (payload: string) => void;
}

/**
 * Publish and subscribe as Redis has it: a message goes to whoever is subscribed at that moment, its sender included, and is kept nowhere. While
 * the broker is down, `publish` waits, as Redis clients do unless they are told otherwise, or fails.
 */
export class PubSub {
  #subscriptions: Subscription[] = [];
  #down: 'waits' | 'fails' | undefined;
  #waiting: (() => void)[] = [];

  async publish(topic: string, message: unknown, signal?: AbortSignal): Promise<void> {
    const payload = JSON.stringify(message);
    if (this.#down === 'fails') throw new Error('the bus is down');
    if (this.#down === 'waits') await new Promise<void>((resolve) => this.#waiting.push(resolve));
    signal?.throwIfAborted();
    for (const { link, topic: subscribed, handler } of this.#subscriptions) {
      if (subscribed !== topic) continue;
      setImmediate(() => link.receive({ change: true, deliver: () => handler(payload) }));
    }
  }

  subscribe(link: BusLink, topic: string, handler: (message: unknown) => void): void {
    this.#subscriptions.push({ link, topic, handler: (payload) => handler(JSON.parse(payload)) });
  }

  unsubscribe(link: BusLink, topic?: string): void {
    this.#subscriptions = this.#subscriptions.filter(
      (each) => each.link !== link || (topic !== undefined && each.topic !== topic),
    );
  }

  down(publishing: 'waits' | 'fails'): void {
    this.#down = publishing;
  }

  up(): void {
    this.#down = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
