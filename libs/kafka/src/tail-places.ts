import { type Clock, wait } from '@tidemark/runtime';
import { type FetchPlace, type FetchPlaces, type RefusedPlace } from './fetch-places.js';
import { type FollowedTopics } from './followed-topics.js';
import { Reconciler } from './reconciler.js';

export interface TailPlacesOptions {
  readonly clock: Clock;
  readonly topics: FollowedTopics;
  /** Looks topics up: whatever stands in their place now. */
  readonly survey: (topics: readonly string[]) => Promise<void>;
  /** Topics that were refused were looked up. */
  readonly onLooked: () => void;
  readonly onError: (error: unknown) => void;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Where a tail reads, for the fetches of its consumers. What a broker refuses is looked up before it is asked for again: a topic that is the same after all goes on, for
 * a broker may not have heard of it yet.
 */
export class TailPlaces implements FetchPlaces {
  readonly #options: TailPlacesOptions;
  readonly #looking: Reconciler;

  constructor(options: TailPlacesOptions) {
    this.#options = options;
    this.#looking = new Reconciler({ ...options, step: () => this.#look() });
  }

  of(topic: string, partition: number): FetchPlace | undefined {
    return this.#options.topics.placeOf(topic, partition);
  }

  onRefused(refused: RefusedPlace): void {
    this.#options.topics.refuse(refused);
    this.#looking.fail();
  }

  idle(delayMs: number): Promise<void> {
    return wait(this.#options.clock, delayMs);
  }

  close(): Promise<void> {
    return this.#looking.close();
  }

  async #look(): Promise<boolean> {
    const refused = this.#options.topics.refused();
    if (refused.length === 0) return true;
    await this.#options.survey(refused);
    this.#options.onLooked();
    return this.#options.topics.refused().length === 0;
  }
}
