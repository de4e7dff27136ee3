import { type Clock, isTidemarkError, type Logger, messageOf, wait } from '@tidemark/runtime';
import { type HotKeyReport, trackedMax } from '../hot-keys/hot-keys.js';
import { listKeysMax, nextList, type OwnKeys } from './hot-key-list.js';
import { type ListStore } from './list-store.js';
import { sliceKeys } from './slices.js';

export interface ListPublisherOptions {
  readonly lists: ListStore;
  readonly cache: string;
  readonly region: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** Up to so many keys that the pod reads most. */
  readonly hotKeys: (max: number) => HotKeyReport;
  /** Slices of up to so many keys of L1, the one that was used last first. */
  readonly l1Keys: (max: number, sliceMax: number) => Iterable<readonly string[]>;
  /** Of the cache so far. */
  readonly reads: () => number;
  readonly everyMs: number;
}

/** A pod that has been asked for less than this since it last looked knows of no hot keys. */
const readsMin = 100;

/** What became of one look at the list. */
export type Publication = 'published' | 'idle' | 'young' | 'another' | 'failed' | 'ended';

/**
 * Keeps the region's list up to date. Every pod looks at the list now and then, at times of its own; the first that finds it old takes the turn
 * and writes the next one: what was there, and what the pod itself knows. So the region writes one list an interval, whatever the number of its pods.
 */
export class ListPublisher {
  readonly #options: ListPublisherOptions;
  readonly #ended = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #readsSeen = 0;
  #warned = false;
  published = 0;

  constructor(options: ListPublisherOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when nothing is under way; a list that is half written is left to the next pod. */
  async close(): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  /** Looks once. Never fails. */
  async look(): Promise<Publication> {
    try {
      const publication = await this.#look();
      if (publication === 'published') this.published += 1;
      return publication;
    } catch (error) {
      if (this.#ended.signal.aborted) return 'ended';
      this.#warn(error);
      // What this pod may not do now, it may not do later either.
      if (isTidemarkError(error) && error.code === 'ACCESS_DENIED') this.#ended.abort();
      return 'failed';
    }
  }

  async #run(): Promise<void> {
    const { clock, random, everyMs } = this.#options;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await wait(clock, everyMs * (0.5 + random() / 2), signal, { unref: true });
      if (!signal.aborted) await this.look();
    }
  }

  async #look(): Promise<Publication> {
    const { lists, region, clock, everyMs, reads } = this.#options;
    const { signal } = this.#ended;
    const readsNow = reads();
    if (readsNow - this.#readsSeen < readsMin) return 'idle';
    const isOld = async (): Promise<boolean> => {
      const header = await lists.header(region, signal);
      return header === undefined || Math.abs(clock.now() - header.at) >= everyMs;
    };
    if (!(await isOld())) return 'young';
    if (!(await lists.takeTurn(everyMs / 2))) return 'another';
    if (!(await isOld())) return 'young';
    const old = await lists.read(region, signal);
    if (signal.aborted) return 'ended';
    this.#readsSeen = readsNow;
    const list = await nextList(old, this.#ownKeys(), clock.now());
    if (signal.aborted) return 'ended';
    const bytes = await lists.write(list, signal);
    if (signal.aborted) return 'ended';
    const { logger, cache } = this.#options;
    logger.debug({ cache, hot: list.hot.length, keys: list.recent.length, bytes }, 'list of hot keys published');
    return 'published';
  }

  #ownKeys(): OwnKeys {
    const { hotKeys, l1Keys } = this.#options;
    const hot = hotKeys(trackedMax).keys.map(({ key, readsPerSecond }) => ({ key, rate: readsPerSecond }));
    return { hot, recent: l1Keys(listKeysMax, sliceKeys) };
  }

  #warn(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const { logger, cache } = this.#options;
    logger.warn({ cache, error: messageOf(error) }, 'list of hot keys could not be published');
  }
}
