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
import { Standby } from './standby.js';
import { requestKeysMax, WarmUp, type WarmUpOptions, type WarmUpProgress } from './warm-up.js';
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
  standby: [],
};

/** Keys that are read in a second for callers who may never come: those who are there have the rest of the table's time. */
const standbyKeysPerSecond = 1_000;

/** What one cache does for a warm start: its own, by reading; that of pods to come, by what it publishes; that of a fail-over, by reading on. */
export class CacheWarmUp {
  readonly #options: CacheWarmUpOptions;
  readonly #warmUp: WarmUp | undefined;
  readonly #publisher: ListPublisher | undefined;
  readonly #standby: Standby | undefined;

  constructor(options: CacheWarmUpOptions) {
    this.#options = options;
    const { warmUp: plan } = options.definition;
    if (plan === undefined) return;
    const lists = plan.strategy === 'scan' ? undefined : listsOf(options);
    this.#warmUp = warmUpOf(options, plan, lists);
    if (lists === undefined) return;
    this.#standby = standbyOf(options, plan, lists);
    this.#publisher = publisherOf(options, plan, lists);
  }

  get progress(): WarmUpProgress {
    if (this.#warmUp === undefined) return noWarmUp;
    return { ...this.#warmUp.progress, standby: this.#standby?.progress ?? [] };
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
    // What this region's callers ask for comes first.
    void ended.then(() => this.#standby?.start());
    if (this.#options.isFollowed()) await this.#untilDeadline(ended, warmUp.plan.deadlineMs);
  }

  /** Resolves when nothing of it is under way, save reads that their time-out ends. Idempotent. */
  async close(): Promise<void> {
    this.#warmUp?.stop('the pod closes');
    await Promise.all([this.#publisher?.close(), this.#standby?.close()]);
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
  const { definition, region, store, clock } = options;
  const { name, table, maxEntries, readTimeoutMs: timeoutMs } = definition;
  const common = { batchKeys: requestKeysMax, plan: { ...plan, maxKeys: Math.min(plan.maxKeys, maxEntries) } };
  const source: KeySource =
    lists === undefined
      ? new ScanSource({ ...common, store, table, bucket: name, clock, timeoutMs })
      : new ListSource({ ...common, lists, region });
  return new WarmUp({ ...partsOf(options), plan: common.plan, source });
}

function standbyOf(options: CacheWarmUpOptions, plan: WarmUpPlan, lists: ListStore): Standby | undefined {
  const { definition, region, clock, entropy } = options;
  const regions = [...new Set(plan.standbyFor)].filter((each) => each !== region && each !== 'own');
  if (regions.length === 0) return undefined;
  const parts = partsOf(options);
  const calm: WarmUpPlan = {
    ...plan,
    afterDeadline: 'continue',
    maxKeys: Math.min(plan.maxKeys, definition.maxEntries),
    keysPerSecond: Math.min(plan.keysPerSecond, standbyKeysPerSecond),
  };
  return new Standby({
    ...{ regions, everyMs: plan.publishEveryMs, clock, random: () => entropy.random() },
    warmUp: (from) => {
      const source = new ListSource({ lists, region, batchKeys: requestKeysMax, plan: { ...calm, from: [from] } });
      const onInstalled = (key: string): void => options.l1.markUnasked(key);
      return new WarmUp({ ...parts, plan: calm, source, onInstalled, level: 'debug' });
    },
  });
}

function partsOf(options: CacheWarmUpOptions): Omit<WarmUpOptions, 'plan' | 'source'> {
  const { definition, store, l1, coherence, codec, holder, clock, logger, isFollowed } = options;
  const { name, table, maxEntries, maxBytes, readTimeoutMs: timeoutMs } = definition;
  // Its reads are counted apart: they are no misses that were answered.
  const stats = newCacheStats();
  const reader = new L2Reader({ store, table, bucket: name, codec, holder, coherence, clock, stats, timeoutMs });
  return {
    ...{ cache: name, reader, l1, maxEntries, maxBytes, isFollowed, clock, logger },
    readKeysPerSecond: () => store.readKeysPerSecond,
  };
}

function publisherOf(options: CacheWarmUpOptions, plan: WarmUpPlan, lists: ListStore): ListPublisher {
  const { definition, region, l1, hotKeys, reads, clock, entropy, logger } = options;
  return new ListPublisher({
    ...{ lists, cache: definition.name, region, clock, logger, hotKeys, reads, everyMs: plan.publishEveryMs },
    random: () => entropy.random(),
    l1Keys: (max, sliceMax) => l1.keySlices(max, sliceMax),
  });
}
