import { type Clock, wait } from '@tidemark/runtime';
import { type FetchPlace, type FetchPlaces, type NothingAt, type RefusedPlace } from './fetch-places.js';
import { type FollowedTopics } from './followed-topics.js';
import { Reconciler } from './reconciler.js';
import { Refusals } from './refusals.js';

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
  readonly #refusals: Refusals;
  /** Where there was nothing last, by topic and partition, and in which topic. */
  readonly #nothing = new Map<string, { readonly topicId: string | undefined; readonly offset: bigint }>();

  constructor(options: TailPlacesOptions) {
    this.#options = options;
    this.#refusals = new Refusals(options.clock);
    this.#looking = new Reconciler({ ...options, step: () => this.#look() });
  }

  of(topic: string, partition: number): FetchPlace | undefined {
    return this.#options.topics.placeOf(topic, partition);
  }

  onNothing({ topic, partition, offset }: NothingAt): void {
    this.#nothing.set(idOf(topic, partition), { topicId: this.of(topic, partition)?.topicId, offset });
  }

  /** Whether there is nothing at the offset, as the brokers have said; where they tell no ids, they do not say it. */
  isNothing(topic: string, partition: number, offset: bigint): boolean {
    const place = this.of(topic, partition);
    if (place?.topicId === undefined) return place !== undefined;
    const nothing = this.#nothing.get(idOf(topic, partition));
    return nothing?.topicId === place.topicId && nothing.offset === offset;
  }

  /** What brokers refuse to hand over, for some time now, although it is there; `undefined`: there is nothing. */
  get problem(): string | undefined {
    const topic = [...this.#refusals.topics].find((refused) => this.#options.topics.specOf(refused) !== undefined);
    return topic === undefined ? undefined : `the brokers hand over nothing of ${topic}`;
  }

  /** Whether it is not asked for at present, or was refused of late: that it stands still is no wonder. */
  isRefused(topic: string, partition: number): boolean {
    return this.of(topic, partition) === undefined || this.#refusals.has(topic, partition);
  }

  onRecords(topic: string, partition: number): void {
    this.#refusals.came(topic, partition);
  }

  onRefused(refused: RefusedPlace): void {
    this.#nothing.delete(idOf(refused.topic, refused.partition));
    if (refused.why !== 'cut') this.#refusals.note(refused.topic, refused.partition);
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
    try {
      await this.#options.survey(refused);
    } finally {
      // What stays closed, for whatever reason, is not asked for: nothing else tells of it.
      for (const { topic, partition } of this.#options.topics.closed()) this.#refusals.note(topic, partition);
    }
    this.#options.onLooked();
    return this.#options.topics.refused().length === 0;
  }
}

function idOf(topic: string, partition: number): string {
  return `${topic}|${partition}`;
}
