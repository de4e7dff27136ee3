import { backoffMs, type Clock, isTidemarkError, type Logger, messageOf, TidemarkError } from '@tidemark/runtime';
import { type Hole, HoleFlush } from './hole-flush.js';
import { type SyncMetrics } from './sync-metrics.js';

export interface TableDebtsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SyncMetrics;
  /** How long a topic refuses records before its table is parked, ms. */
  readonly parkAfterMs: number;
  /** Flushes a table, parked or not; resolves once that is acknowledged in every partition, rejects with what the topic refuses it for. */
  readonly flushTable: (table: string, reason: string) => Promise<void>;
}

interface Lane {
  readonly holes: HoleFlush;
  isParked: boolean;
  why: string;
  /** Since when the topic refuses what it is sent, monotonic, ms. */
  failingSinceMs: number | undefined;
  /** When it last took records again, monotonic, ms. */
  openedAtMs: number;
  /** Looks that failed. */
  looks: number;
  dueMs: number;
  isLooking: boolean;
}

/** First and longest time between two looks at a topic that refuses records, ms. */
const lookMs = { initialMs: 1_000, maxMs: 60_000 } as const;

/**
 * Which tables are parked: their topic takes nothing, for a reason of its own that waiting for Kafka does not mend, or for long while others do. Their changes are left out, and
 * a flush is owed instead, so that no other table has to stand still. Each shard remembers in its lease row what it owes; here stands when a topic is
 * looked at again, and the flushes, each of which covers every change that was left out before it began, whichever shard left it out.
 */
export class TableDebts {
  readonly #options: TableDebtsOptions;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: TableDebtsOptions) {
    this.#options = options;
  }

  isParked(table: string): boolean {
    return this.#lanes.get(table)?.isParked === true;
  }

  /** Why, by table. */
  get parked(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#lanes].flatMap(([table, { isParked, why }]) => (isParked ? [[table, why]] : [])),
    );
  }

  /** Whether the table is parked, now that its topic has refused a record. One that has taken records again only lately is parked at once. */
  refused(table: string, error: unknown): boolean {
    const lane = this.#lane(table);
    const nowMs = this.#options.clock.monotonicMs();
    lane.why = messageOf(error);
    lane.failingSinceMs ??= nowMs;
    const isRelapse = nowMs - lane.openedAtMs < lookMs.maxMs;
    if (!lane.isParked && (isRelapse || nowMs - lane.failingSinceMs >= this.#options.parkAfterMs))
      this.#park(table, lane, isRelapse ? lane.looks : 0);
    return lane.isParked;
  }

  /** Parks the table at once: its topic has failed for long while others take records. */
  park(table: string, error: unknown): void {
    const lane = this.#lane(table);
    lane.why = messageOf(error);
    if (!lane.isParked) this.#park(table, lane, 0);
  }

  /** The topic has taken records. */
  took(table: string): void {
    const lane = this.#lanes.get(table);
    if (lane !== undefined) lane.failingSinceMs = undefined;
  }

  /** Changes of the table were left out: what the flush must cover from now on. */
  leftOut(table: string): Hole {
    return this.#lane(table).holes.open('topic-refused');
  }

  /** As `leftOut`, for what was left out by whoever had the lease before: the table is parked unless more is known here. */
  inherited(table: string): Hole {
    const lane = this.#lanes.get(table) ?? this.#lane(table);
    if (lane.openedAtMs === -Infinity && !lane.isParked) {
      lane.why = 'its topic took nothing when the lease was another worker’s';
      this.#park(table, lane, 0);
      lane.dueMs = -Infinity;
    }
    return this.leftOut(table);
  }

  /** Flushes the table unless a flush that began after `hole` did, or the table is parked; resolves to whether it was. Rejects with `ABORTED`. */
  async settle(table: string, hole: Hole, signal: AbortSignal): Promise<boolean> {
    const lane = this.#lane(table);
    if (lane.isParked) return false;
    try {
      await lane.holes.cover(hole, signal);
      return true;
    } catch (error) {
      if (isTidemarkError(error, 'ABORTED')) throw error;
      return false;
    }
  }

  /** Offers a flush to every parked table's topic that is due: what takes it is parked no more. Does not wait for it. */
  look(signal: AbortSignal): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [table, lane] of this.#lanes)
      if (lane.isParked && !lane.isLooking && lane.dueMs <= nowMs) void this.#lookAt(table, lane, signal);
  }

  /** Resolves when no flush is under way. */
  async ended(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.holes.ended()));
  }

  async #lookAt(table: string, lane: Lane, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    lane.isLooking = true;
    try {
      await lane.holes.cover(this.leftOut(table), signal);
      lane.isParked = false;
      lane.openedAtMs = clock.monotonicMs();
      lane.failingSinceMs = undefined;
      log.info({ table }, 'the topic of a parked table takes records again');
    } catch {
      lane.looks += 1;
      lane.dueMs = clock.monotonicMs() + backoffMs(lane.looks, { ...lookMs, random: () => 1 });
    } finally {
      lane.isLooking = false;
    }
  }

  #park(table: string, lane: Lane, looks: number): void {
    const { clock, log, metrics } = this.#options;
    lane.isParked = true;
    lane.looks = looks;
    lane.dueMs = clock.monotonicMs() + lookMs.initialMs * (looks + 1);
    metrics.tablesParked.value += 1;
    log.warn(
      { table, code: 'TABLE_PARKED', error: lane.why },
      'the topic of a table takes nothing: its changes are left out, and the table is flushed once it does',
    );
  }

  #lane(table: string): Lane {
    let lane = this.#lanes.get(table);
    if (lane === undefined) {
      const { clock, log, metrics, flushTable } = this.#options;
      const flushAll = async (reason: string): Promise<readonly []> => {
        await flushTable(table, reason);
        return [];
      };
      const holes = new HoleFlush({ clock, log, metrics, what: table, flushAll });
      const never = { isParked: false, why: '', failingSinceMs: undefined, openedAtMs: -Infinity };
      lane = { holes, ...never, looks: 0, dueMs: -Infinity, isLooking: false };
      this.#lanes.set(table, lane);
    }
    return lane;
  }
}

/** Whether a failure is the topic's own: other topics of the same Kafka may take records, and to wait does not mend it. */
export function isRefusal(error: unknown): boolean {
  if (isTidemarkError(error, 'TOPIC_MISSING') || isDenied(error)) return true;
  return isTidemarkError(error, 'PUBLISH_FAILED') && !error.retriable;
}

/** Whether what may not be done is of a topic: a login that is refused, which names its option, is of no topic, and standing connections go on. */
export function isDenied(error: unknown): boolean {
  return isTidemarkError(error, 'ACCESS_DENIED') && error.context['field'] === undefined;
}

export function parkedError(table: string): TidemarkError {
  return new TidemarkError('TABLE_PARKED', `the topic of ${table} takes nothing`, {
    retriable: true,
    context: { table },
  });
}
