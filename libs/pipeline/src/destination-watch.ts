import { type Clock, isTidemarkError, type Logger, withDeadline } from '@tidemark/runtime';
import { type CallWatch } from './call-watch.js';
import { destinationVerdict, type FlushReason } from './destination-verdict.js';
import { type DestinationLook, type DestinationReader, type DestinationStore } from './ports.js';
import { type RetryObserver } from './retry.js';
import { type SyncMetrics } from './sync-metrics.js';

export interface DestinationWatchOptions {
  readonly reader: DestinationReader;
  readonly store: DestinationStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SyncMetrics;
  readonly calls: CallWatch;
  readonly observer: RetryObserver;
  readonly signal: AbortSignal;
  /** A hole of one and a half of it, or longer, is seen, ms; a table is looked at twice in it, so that a look may fail, or be late by as long. */
  readonly everyMs: number;
  /** Deadline of one call, ms. */
  readonly timeoutMs: number;
  /** Flushes one table, or every table there is; resolves once that is acknowledged in every partition. Fails with `TABLE_PARKED`. */
  readonly flushTable: (table: string, reason: FlushReason) => Promise<void>;
  /** Resolves to the tables that it had to leave out, because their topic takes nothing. */
  readonly flushAll: (reason: FlushReason) => Promise<readonly string[]>;
}

interface Watched {
  /** Why its watermark is withheld; `null`: it is not. */
  withheld: string | null;
  /** The last look that settled: not active, or active and flushed where that was due. */
  look: DestinationLook | undefined;
  isBusy: boolean;
  dueMs: number;
  /** Since when every look has failed, monotonic, ms. */
  failingSinceMs: number | undefined;
}

/** Looks at that many tables at once. */
const looksAtOnce = 8;
/** The least time that looks may be late before a hole between them is not ruled out any more, ms. */
const slackMsMin = 5_000;
/**
 * After a look that failed the next comes no later than this, ms: each second without one is a second nearer to a flush of the table. Once that
 * is due anyway there is no hurry any more: what fails for so long may be a permission that nobody has given.
 */
const againMsMax = 2_000;

const writingLook = 'writing a look at a streaming destination to the lease table';

/** Watches the streaming destination of every table that has a topic, and says whose watermark may be published. */
export class DestinationWatch {
  readonly #options: DestinationWatchOptions;
  readonly #tables = new Map<string, Watched>();

  constructor(options: DestinationWatchOptions) {
    this.#options = options;
  }

  /** Looks at every table that is due; resolves when all are answered, or have failed. Flushes go on behind. Never rejects. */
  async look(tables: readonly string[]): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    const wanted = new Set(tables);
    for (const table of this.#tables.keys()) if (!wanted.has(table)) this.#forget(table);
    const due = tables.filter((table) => {
      const { isBusy, dueMs } = this.#watched(table);
      return !isBusy && dueMs <= nowMs;
    });
    const flushes = new Map<string, { readonly look: DestinationLook; readonly why: FlushReason }>();
    const lookFromQueue = async (): Promise<void> => {
      for (let table = due.shift(); table !== undefined; table = due.shift()) {
        const flush = await this.#lookAt(table);
        if (flush !== undefined) flushes.set(table, flush);
      }
    };
    await Promise.all(Array.from({ length: looksAtOnce }, lookFromQueue));
    this.#flush(flushes, flushes.size === tables.length);
  }

  /** Another worker looks from now on: whether that works, and what has failed here, is its to say. Call it as often as that is so. */
  leave(): void {
    const { observer } = this.#options;
    observer.gaveUp?.(writingLook);
    for (const [table, watched] of this.#tables) {
      watched.failingSinceMs = undefined;
      observer.gaveUp?.(lookingAt(table));
      observer.gaveUp?.(flushing(table));
    }
  }

  /** Whether the watermark of a table may be published now. */
  mayPublish(table: string): boolean {
    return this.#whyWithheld(table) === null;
  }

  /** Why, by table, for those whose watermark is withheld. */
  get withheld(): Readonly<Record<string, string>> {
    const entries = [...this.#tables.keys()].map((table) => [table, this.#whyWithheld(table)] as const);
    return Object.fromEntries(entries.flatMap(([table, why]) => (why === null ? [] : [[table, why]])));
  }

  #whyWithheld(table: string): string | null {
    const watched = this.#tables.get(table);
    if (watched === undefined) return 'not looked at yet';
    if (watched.withheld !== null) return watched.withheld;
    const isStale = this.#options.clock.now() - (watched.look?.lookedAt ?? 0) > this.#apartMsMax;
    return isStale ? 'not looked at lately' : null;
  }

  get #apartMsMax(): number {
    const { everyMs } = this.#options;
    return everyMs + Math.max(everyMs / 2, slackMsMin);
  }

  #watched(table: string): Watched {
    let watched = this.#tables.get(table);
    if (watched === undefined) {
      watched = {
        ...{ withheld: 'not looked at yet', look: undefined, isBusy: false, dueMs: -Infinity },
        failingSinceMs: undefined,
      };
      this.#tables.set(table, watched);
    }
    return watched;
  }

  /** Resolves to what must be flushed before the watermark goes on, if anything must. */
  async #lookAt(table: string): Promise<{ readonly look: DestinationLook; readonly why: FlushReason } | undefined> {
    const { clock, observer, reader, everyMs, signal } = this.#options;
    const what = lookingAt(table);
    const watched = this.#watched(table);
    watched.isBusy = true;
    watched.dueMs = clock.monotonicMs() + everyMs / 2;
    try {
      const before = await this.#lastLook(table, watched);
      const lookedAt = clock.now();
      const destination = await this.#timed(what, (inner) => reader.read(table, inner));
      observer.succeeded(what);
      watched.failingSinceMs = undefined;
      return await this.#settle(table, watched, before, { ...destination, lookedAt });
    } catch (error) {
      if (!signal.aborted) observer.failed(what, error);
      watched.dueMs = clock.monotonicMs() + this.#againMs(watched);
      watched.isBusy = false;
      return undefined;
    }
  }

  #againMs(watched: Watched): number {
    const { clock, everyMs } = this.#options;
    const nowMs = clock.monotonicMs();
    watched.failingSinceMs ??= nowMs;
    const isDue = nowMs - watched.failingSinceMs > this.#apartMsMax;
    return isDue ? everyMs / 6 : Math.min(everyMs / 6, againMsMax);
  }

  /** The later of what is known here and what another worker, or an earlier run, has left; asked for where ours is old. */
  async #lastLook(table: string, { look }: Watched): Promise<DestinationLook | undefined> {
    const { clock, store } = this.#options;
    if (look !== undefined && clock.now() - look.lookedAt <= this.#apartMsMax) return look;
    const what = `reading the last look at ${table} from the lease table`;
    const stored = await this.#timed(what, (inner) => store.get(table, inner));
    return stored === undefined || (look !== undefined && look.lookedAt > stored.lookedAt) ? look : stored;
  }

  async #settle(
    table: string,
    watched: Watched,
    before: DestinationLook | undefined,
    look: DestinationLook,
  ): Promise<{ readonly look: DestinationLook; readonly why: FlushReason } | undefined> {
    const { clock, log, metrics, everyMs } = this.#options;
    metrics.destinationLooks.value += 1;
    const verdict = destinationVerdict(before, look, clock.now(), this.#apartMsMax);
    if (verdict.type === 'flush') {
      metrics.hole(verdict.why);
      log.warn({ table, reason: verdict.why }, 'changes may not have reached the stream: the table is flushed');
      watched.withheld = 'being flushed';
      return { look, why: verdict.why };
    }
    if (verdict.type === 'withhold') {
      const { status, description } = look;
      if (watched.withheld !== verdict.why)
        log.warn({ table, status, description }, 'changes do not reach the stream: the watermark is withheld');
      watched.withheld = verdict.why;
      watched.dueMs = clock.monotonicMs() + everyMs / 6;
    } else {
      watched.withheld = null;
    }
    await this.#remember(table, watched, look);
    return undefined;
  }

  #flush(
    flushes: ReadonlyMap<string, { readonly look: DestinationLook; readonly why: FlushReason }>,
    isAll: boolean,
  ): void {
    const { flushAll, flushTable, log, observer, signal } = this.#options;
    const [first] = flushes.values();
    const all = isAll && first !== undefined ? flushAll(first.why) : undefined;
    for (const [table, { look, why }] of flushes) {
      const watched = this.#watched(table);
      const flushed =
        all?.then((leftOut) => (leftOut.includes(table) ? flushTable(table, why) : undefined)) ??
        flushTable(table, why);
      void flushed
        .then(async () => {
          observer.succeeded(flushing(table));
          watched.withheld = null;
          log.info({ table }, 'the table was flushed: its watermark goes on');
          await this.#remember(table, watched, look);
        })
        .catch((error: unknown) => {
          watched.isBusy = false;
          // Parked: the watermark stays withheld, and the next look flushes.
          if (!signal.aborted && !isTidemarkError(error, 'TABLE_PARKED')) observer.failed(flushing(table), error);
        });
    }
  }

  /** Only now may another worker take the look for settled: a flush that was due is acknowledged. */
  async #remember(table: string, watched: Watched, look: DestinationLook): Promise<void> {
    const { observer, store, signal } = this.#options;
    watched.look = look;
    watched.isBusy = false;
    try {
      await this.#timed(writingLook, (inner) => store.put(table, look, inner));
      observer.succeeded(writingLook);
    } catch (error) {
      if (!signal.aborted) observer.failed(writingLook, error);
    }
  }

  #forget(table: string): void {
    this.#tables.delete(table);
    this.#options.observer.succeeded(lookingAt(table));
  }

  #timed<T>(what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { calls, clock, timeoutMs, signal } = this.#options;
    return calls.watch(what, () => withDeadline({ clock, timeoutMs, what, signal }, call));
  }
}

function flushing(table: string): string {
  return `flushing ${table}`;
}

function lookingAt(table: string): string {
  return `looking at the streaming destination of ${table}`;
}
