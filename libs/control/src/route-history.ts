import { encodeRoute, type Route, type RouteHistoryEntry } from '@tidemark/protocol';
import {
  type Clock,
  type Logger,
  messageOf,
  type Metric,
  type MetricRegistry,
  thinned,
  TidemarkError,
  withDeadline,
} from '@tidemark/runtime';

import { type RouteHistoryLog } from './ports.js';
import { routeNotFound } from './route-change.js';
import { SerialQueue } from './serial-queue.js';

export interface RouteHistoryOptions {
  readonly log: RouteHistoryLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Bound on one append, retries included, ms. Default 20,000. */
  readonly appendTimeoutMs?: number;
  /** Bound on one read, ms. Default 5,000. */
  readonly readTimeoutMs?: number;
  /** Most entries that wait to be appended; more are dropped and counted. Default 256. */
  readonly pendingMax?: number;
  /** How long `close` lets appends end, ms. Default 2,000. */
  readonly closeTimeoutMs?: number;
}

/** One change of a table, as far as it is known. */
export interface PastChange {
  readonly after: Route;
  /** `null`: there was none before it; `undefined`: it is not known. */
  readonly before: Route | null | undefined;
  /** `undefined`: it is not known. */
  readonly operation: string | undefined;
}

export interface PastChanges {
  /** Newest first. */
  readonly changes: readonly PastChange[];
  /** Whether what is kept could be read; else it is what this process has seen itself. */
  readonly complete: boolean;
}

/**
 * What was done to routes, by whom, for longer than a process lives. It is a record for people, so it never stands in the way of a change: entries
 * are appended behind it, one after the other, and what cannot be appended is counted and told to the log.
 */
export class RouteHistory {
  readonly #options: RouteHistoryOptions;
  readonly #queue: SerialQueue;
  readonly #again: Pick<Logger, 'warn'>;
  readonly #failures: Metric;
  readonly #closing = new AbortController();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: RouteHistoryOptions) {
    this.#options = options;
    this.#queue = new SerialQueue(options.pendingMax ?? 256);
    this.#again = thinned(options.logger, options.clock);
    this.#failures = options.metrics.counter(
      'tidemark_routing_history_failures_total',
      'Changes of routes that are missing in the history topic.',
    );
  }

  /** Keeps an entry; returns at once, and never throws. */
  note(entry: RouteHistoryEntry): void {
    this.#last = this.#append(entry);
  }

  /**
   * The last changes of a table, `max` at most: those that are kept, and those of `seen`. Throws `ROUTE_NOT_FOUND` where neither knows the table, and
   * `FEED_UNAVAILABLE` where only those that are kept could tell, and cannot be read.
   */
  async read(table: string, seen: readonly Route[], max: number): Promise<PastChanges> {
    const kept = await this.#kept(table, max);
    const changes = new Map<string, PastChange>();
    for (const after of seen) changes.set(encodeRoute(after), { after, before: undefined, operation: undefined });
    for (const entry of kept ?? []) changes.set(encodeRoute(entry.after), entry);
    if (changes.size === 0) throw kept === undefined ? notReadable(table) : routeNotFound(table);
    const sorted = [...changes.values()].sort((one, other) => rank(other.after, one.after));
    return { changes: sorted.slice(0, max), complete: kept !== undefined };
  }

  /** Lets what waits be appended, for a while. */
  async close(): Promise<void> {
    const { clock, log, closeTimeoutMs = 2_000 } = this.#options;
    const cancel = clock.setTimer(() => this.#closing.abort(), closeTimeoutMs);
    await this.#last;
    cancel();
    this.#closing.abort();
    await log.close();
  }

  async #append(entry: RouteHistoryEntry): Promise<void> {
    const { clock, log, appendTimeoutMs: timeoutMs = 20_000 } = this.#options;
    const { signal } = this.#closing;
    try {
      await this.#queue.run(() =>
        withDeadline({ clock, timeoutMs, what: 'routes.history', signal }, (inner) => log.append(entry, inner)),
      );
    } catch (error) {
      this.#failures.value += 1;
      const { table, version, changedBy } = entry.after;
      const what = { table, version, changedBy, operation: entry.operation, error: messageOf(error) };
      this.#again.warn(what, 'a change of a route is missing in the history');
    }
  }

  async #kept(table: string, max: number): Promise<readonly RouteHistoryEntry[] | undefined> {
    const { clock, log, readTimeoutMs: timeoutMs = 5_000 } = this.#options;
    const { signal } = this.#closing;
    try {
      return await withDeadline({ clock, timeoutMs, what: 'routes.history', signal }, (inner) =>
        log.read(table, max, inner),
      );
    } catch (error) {
      this.#again.warn({ table, error: messageOf(error) }, 'the history of routes cannot be read');
      return undefined;
    }
  }
}

function notReadable(table: string): TidemarkError {
  const message = `the history of ${table} cannot be read at present`;
  return new TidemarkError('FEED_UNAVAILABLE', message, { retriable: true, context: { table } });
}

/** By version, and two of one version by their writers. */
function rank(one: Route, other: Route): number {
  return one.version - other.version || one.writerEpoch - other.writerEpoch || one.changedAt - other.changedAt;
}
