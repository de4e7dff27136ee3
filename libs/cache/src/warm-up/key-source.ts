import { itemKeyOf, keyProblem } from '@tidemark/protocol';
import { type Clock, messageOf, TidemarkError, wait } from '@tidemark/runtime';
import { type Store } from '../backend.js';
import { isOverload } from '../overload/overload-error.js';
import { RateBucket } from '../overload/rate-bucket.js';
import { keysInOrder, listKeysMax } from './hot-key-list.js';
import { type ListStore } from './list-store.js';
import { type WarmUpPlan } from './warm-up-options.js';

export interface KeyBatch {
  readonly keys: readonly string[];
  /** Keys of the source as far as they are known by now. */
  readonly keysKnown: number;
}

/** Where the keys of a warm-up come from. */
export interface KeySource {
  /** The list that is being read; `null`: none. */
  readonly list: { readonly region: string; readonly at: number } | null;
  /** Why there is nothing to read where nothing failed; `null`: there is, as far as it is known. */
  readonly emptiness: string | null;
  /** Batches of different keys; may be asked for the next before the last is done. Fails where there is nothing to read. */
  batches(signal: AbortSignal): AsyncGenerator<KeyBatch, void>;
}

export interface ListSourceOptions {
  readonly lists: ListStore;
  readonly plan: WarmUpPlan;
  readonly region: string;
  readonly batchKeys: number;
}

/** The keys of the first region's list that has any. */
export class ListSource implements KeySource {
  readonly #options: ListSourceOptions;
  list: KeySource['list'] = null;
  emptiness: string | null = null;

  constructor(options: ListSourceOptions) {
    this.#options = options;
  }

  async *batches(signal: AbortSignal): AsyncGenerator<KeyBatch, void> {
    const { plan, batchKeys } = this.#options;
    const keys = await this.#keys(signal);
    const max = Math.min(plan.maxKeys, listKeysMax, keys.length);
    for (let from = 0; from < max; from += batchKeys)
      yield { keys: keys.slice(from, Math.min(max, from + batchKeys)), keysKnown: max };
  }

  async #keys(signal: AbortSignal): Promise<readonly string[]> {
    const { lists, plan, region } = this.#options;
    const problems: string[] = [];
    let failed = false;
    for (const from of new Set(plan.from.map((each) => (each === 'own' ? region : each)))) {
      try {
        const list = await lists.read(from, signal);
        if (list === undefined) problems.push(`${from}: none`);
        else {
          this.list = { region: from, at: list.at };
          return await keysInOrder(list, plan.strategy === 'most-recent' ? 'most-recent' : 'hot-keys');
        }
      } catch (error) {
        failed = true;
        problems.push(`${from}: ${messageOf(error)}`);
      }
    }
    if (!failed) {
      this.emptiness = `no list of hot keys yet (${problems.join('; ')})`;
      return [];
    }
    throw new TidemarkError('NOT_SUPPORTED', `no list of hot keys (${problems.join('; ')})`, { retriable: false });
  }
}

export interface ScanSourceOptions {
  readonly store: Store;
  readonly table: string;
  readonly bucket: string;
  readonly plan: WarmUpPlan;
  readonly batchKeys: number;
  readonly clock: Clock;
  /** Of one page, ms. */
  readonly timeoutMs: number;
}

/** Items that one page looks at, at most. */
const examineMax = 1_000;
/** Items that a page may look at for each key of a read: eventually consistent reads cost half. */
const itemsPerKey = 2;
/** Times that one page is asked for in a row, and the pauses in between. */
const pageAttemptsMax = 10;
const pauseMinMs = 100;
const pauseMaxMs = 2_000;

/**
 * The keys that the table holds of the cache. Keys alone: what a page of a scan held would have to be fenced against whatever happens to any key
 * while the page is under way; a key that was scanned is read and fenced like any other.
 */
export class ScanSource implements KeySource {
  readonly #options: ScanSourceOptions;
  readonly list = null;
  readonly emptiness = null;

  constructor(options: ScanSourceOptions) {
    this.#options = options;
  }

  /**
   * The segments go a page each, all at once; in a second they look at no more items than keys may be read. A page is no larger than what the store
   * has for one request: a larger one would take from gets what is to come.
   */
  async *batches(signal: AbortSignal): AsyncGenerator<KeyBatch, void> {
    const { plan, batchKeys, clock, store } = this.#options;
    const pace = new RateBucket(clock.monotonicMs(), plan.keysPerSecond, plan.segments * examineMax);
    let open = Array.from({ length: plan.segments }, (_, segment) => ({
      segment,
      cursor: undefined as string | undefined,
    }));
    let keysKnown = 0;
    while (open.length > 0 && keysKnown < plan.maxKeys && !signal.aborted) {
      const pageMax = Math.min(examineMax, itemsPerKey * (store.readKeysMax ?? examineMax));
      while (!signal.aborted && !pace.take(clock.monotonicMs(), open.length * pageMax))
        await wait(clock, Math.max(1, pace.msUntil(clock.monotonicMs(), open.length * pageMax)), signal);
      if (signal.aborted) return;
      const pages = await Promise.all(open.map(({ segment, cursor }) => this.#page(segment, cursor, pageMax, signal)));
      const keys = pages.flatMap((page) => page.keys).slice(0, plan.maxKeys - keysKnown);
      keysKnown += keys.length;
      for (let from = 0; from < keys.length; from += batchKeys)
        yield { keys: keys.slice(from, from + batchKeys), keysKnown };
      open = pages.filter(({ cursor }) => cursor !== undefined);
    }
  }

  /** A page that the table has no time for now is asked for again. */
  async #page(segment: number, cursor: string | undefined, pageMax: number, signal: AbortSignal): Promise<SegmentPage> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#scan(segment, cursor, pageMax, signal);
      } catch (error) {
        if (signal.aborted || failures >= pageAttemptsMax || !isOverload(error)) throw error;
        await wait(this.#options.clock, Math.min(pauseMaxMs, pauseMinMs * 2 ** failures), signal);
      }
    }
  }

  async #scan(segment: number, cursor: string | undefined, pageMax: number, signal: AbortSignal): Promise<SegmentPage> {
    const { store, table, bucket, plan, timeoutMs } = this.#options;
    const prefix = itemKeyOf(bucket, '');
    const scan = { segment, segments: plan.segments, prefix, examineMax: pageMax, cursor };
    if (store.scanKeys === undefined)
      throw new TidemarkError('NOT_SUPPORTED', 'this store cannot scan', { retriable: false });
    const page = await store.scanKeys(table, scan, { timeoutMs, signal });
    const keys = page.itemKeys.map((itemKey) => itemKey.slice(prefix.length));
    return { segment, cursor: page.cursor, keys: keys.filter((key) => keyProblem(bucket, key) === undefined) };
  }
}

interface SegmentPage {
  readonly segment: number;
  /** `undefined`: the segment has no further page. */
  readonly cursor: string | undefined;
  readonly keys: readonly string[];
}
