import { type WriteClock } from '@tidemark/protocol';
import { type Clock, type Entropy, type Logger } from '@tidemark/runtime';
import { type Store } from '../backend.js';
import { newCacheStats } from '../cache-stats.js';
import { type Coherence } from '../coherence.js';
import { type CacheDefinition } from '../define-cache.js';
import { type Holder } from '../holder.js';
import { type HotKeyReport } from '../hot-keys/hot-keys.js';
import { type L1 } from '../l1/l1.js';
import { L2Reader } from '../l2-reader.js';
import { type ValueCodec } from '../value-codec.js';
import { type KeySource, ListSource, ScanSource } from './key-source.js';
import { ListPublisher } from './list-publisher.js';
import { ListStore } from './list-store.js';
import { requestKeysMax, WarmUp, type WarmUpProgress } from './warm-up.js';
import { type WarmUpPlan } from './warm-up-options.js';

export interface CacheWarmUpOptions {
  readonly definition: CacheDefinition;
  readonly region: string;
  /** Of best effort: it sheds before what gets ask for is shed. */
  readonly store: Store;
  readonly l1: L1;
  readonly coherence: Coherence;
  readonly codec: ValueCodec;
  readonly holder: Holder;
  /** Up to so many keys that the pod reads most. */
  readonly hotKeys: (max: number) => HotKeyReport;
  /** Of the cache so far. */
  readonly reads: () => number;
  readonly writeClock: WriteClock;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
  /** Whether every partition of the table is followed. */
  readonly isFollowed: () => boolean;
}

const noWarmUp: WarmUpProgress = {
  ...{ strategy: 'none', state: 'off', reason: null, list: null },
  ...{ keys: 0, held: 0, read: 0, installed: 0, absent: 0, failed: 0, ms: 0 },
};

/** What one cache does for a warm start: its own, by reading; that of pods to come, by what it publishes. */
export class CacheWarmUp {
  readonly #options: CacheWarmUpOptions;
  readonly #warmUp: WarmUp | undefined;
  readonly #publisher: ListPublisher | undefined;

  constructor(options: CacheWarmUpOptions) {
    this.#options = options;
    const { warmUp: plan } = options.definition;
    if (plan === undefined) return;
    const lists = plan.strategy === 'scan' ? undefined : listsOf(options);
    this.#warmUp = warmUpOf(options, plan, lists);
    if (lists !== undefined) this.#publisher = publisherOf(options, plan, lists);
  }

  get progress(): WarmUpProgress {
    return this.#warmUp?.progress ?? noWarmUp;
  }

  /** Lists that this pod has published. */
  get published(): number {
    return this.#publisher?.published ?? 0;
  }

  /**
   * Begins; resolves when it has ended or its deadline has passed, and at once where nothing that is read could be kept yet: then it begins by
   * itself. Called when the positions in the change feed are fixed. Never fails.
   */
  async start(): Promise<void> {
    const warmUp = this.#warmUp;
    if (warmUp === undefined) return;
    this.#publisher?.start();
    const ended = warmUp.run();
    if (this.#options.isFollowed()) await this.#untilDeadline(ended, warmUp.plan.deadlineMs);
  }

  /** Resolves when nothing of it is under way, save reads that their time-out ends. Idempotent. */
  async close(): Promise<void> {
    this.#warmUp?.stop('the pod closes');
    await this.#publisher?.close();
  }

  #untilDeadline(ended: Promise<void>, deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.setTimer(resolve, deadlineMs);
      void ended.finally(() => {
        cancel();
        resolve();
      });
    });
  }
}

function listsOf({ definition, region, store, clock, writeClock, entropy }: CacheWarmUpOptions): ListStore {
  const { name: cache, table, readTimeoutMs: timeoutMs } = definition;
  return new ListStore({
    ...{ store, table, cache, region, clock, writeClock, timeoutMs },
    newLeaseId: () => entropy.uuid(),
  });
}

function warmUpOf(options: CacheWarmUpOptions, plan: WarmUpPlan, lists: ListStore | undefined): WarmUp {
  const { definition, region, store, l1, coherence, codec, holder, clock, logger, isFollowed } = options;
  const { name, table, maxEntries, maxBytes, readTimeoutMs: timeoutMs } = definition;
  const common = { batchKeys: requestKeysMax, plan: { ...plan, maxKeys: Math.min(plan.maxKeys, maxEntries) } };
  const source: KeySource =
    lists === undefined
      ? new ScanSource({ ...common, store, table, bucket: name, clock, timeoutMs })
      : new ListSource({ ...common, lists, region });
  // Its reads are counted apart: they are no misses that were answered.
  const stats = newCacheStats();
  const reader = new L2Reader({ store, table, bucket: name, codec, holder, coherence, clock, stats, timeoutMs });
  return new WarmUp({
    ...{ cache: name, plan: common.plan, source, reader, l1, maxEntries, maxBytes },
    readKeysPerSecond: () => store.readKeysPerSecond,
    isFollowed,
    clock,
    logger,
  });
}

function publisherOf(options: CacheWarmUpOptions, plan: WarmUpPlan, lists: ListStore): ListPublisher {
  const { definition, region, l1, hotKeys, reads, clock, entropy, logger } = options;
  return new ListPublisher({
    ...{ lists, cache: definition.name, region, clock, logger, hotKeys, reads, everyMs: plan.publishEveryMs },
    random: () => entropy.random(),
    l1Keys: (max) => l1.keys(max),
  });
}
