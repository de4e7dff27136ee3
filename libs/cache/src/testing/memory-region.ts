import { ManualClock } from '@tidemark/runtime/testing';
import { type Cache, type WriteReceipt } from '../cache.js';
import { type CacheTuning, defineCache, tuneCache } from '../define-cache.js';
import { memory, type MemoryBackend, type MemoryOptions } from '../memory-backend.js';
import { trust } from '../standard-schema.js';
import { createTidemark, type Tidemark, type TidemarkOptions } from '../tidemark.js';
import { type VersionToken } from '../version-token.js';

const things = defineCache({ name: 'things', table: 'things', schema: trust<string>() });

/** Pods of one region over `memory()`, on a clock that a test moves. */
export class MemoryRegion {
  readonly clock = new ManualClock();
  readonly backend: MemoryBackend;
  readonly #opened: Tidemark[] = [];

  constructor(options: Omit<MemoryOptions, 'clock'> = {}) {
    this.backend = memory({ ...options, clock: this.clock });
  }

  /** A started pod with one cache, `things`, of table `things`. */
  async pod(tuning: CacheTuning = {}, options: Partial<TidemarkOptions> = {}): Promise<Cache<string>> {
    const definition = tuneCache(things, tuning);
    const { backend, clock } = this;
    const tidemark = createTidemark({ service: 'test', backend, caches: [definition], clock, ...options });
    this.#opened.push(tidemark);
    await this.within(0, tidemark.start());
    return tidemark.cache(definition);
  }

  /** Lets what was written come round by the change log. */
  async soon(): Promise<void> {
    await this.clock.advance(1);
  }

  /** Awaits a call that waits for the clock. */
  async within<T>(ms: number, call: Promise<T>): Promise<T> {
    call.catch(() => undefined);
    await this.clock.advance(ms);
    return call;
  }

  /** Closes every pod; resolves to the timers that are left, which should be none. */
  async close(): Promise<number> {
    for (const tidemark of this.#opened) await this.within(5_000, tidemark.close());
    return this.clock.pending;
  }
}

/** The token of a write that was applied. */
export function tokenOf(receipt: WriteReceipt): VersionToken {
  if (receipt.applied) return receipt.token;
  throw new Error(`the write was not applied: ${receipt.reason}`);
}
