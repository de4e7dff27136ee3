import { type Clock, type Logger, messageOf, thinned } from '@tidemark/runtime';
import { type PodRegistry, type PodSnapshot } from '../backend.js';
import { silentAfterMs } from '../visibility-decision.js';

export interface LivePodsOptions {
  /** `undefined`: nobody tells. */
  readonly registry: PodRegistry | undefined;
  /** Pods of the region while nobody tells how many there are. */
  readonly assumed: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** This pod, which counts before the others know of it. */
  readonly pod: string;
}

/** Between two looks at the pods topic, ms: while the number matters, and otherwise. */
const everyMs = { contended: 10_000, quiet: 60_000 } as const;
/** A number that is older may be of pods that are gone, ms. */
const oldMs = 180_000;
const readTimeoutMs = 5_000;

/** How many pods of the region have caches of a table, as their reports tell. Looks only when somebody asks: an idle pod reads nothing. */
export class LivePods {
  readonly #options: LivePodsOptions;
  readonly #again: Pick<Logger, 'warn'>;
  readonly #closing = new AbortController();
  #known: { readonly counts: ReadonlyMap<string, number>; readonly atMs: number; readonly isTold: boolean } | undefined;
  #looking = false;
  #lookedAtMs = -Infinity;

  constructor(options: LivePodsOptions) {
    this.#options = options;
    this.#again = thinned(options.logger, options.clock);
  }

  /**
   * At least 1. Begins a look where the last is long ago; while nothing is known, or not any more, it is what is assumed, or was more before. So it is
   * where this pod's own reports are missing: those of others may be, too, and each would take the whole for itself.
   */
  countOf(table: string, contended: boolean): number {
    const nowMs = this.#options.clock.monotonicMs();
    const isTold = this.#known?.isTold === true;
    this.#lookIfDue(nowMs, contended || !isTold ? everyMs.contended : everyMs.quiet);
    const known = this.#known && (this.#known.counts.get(table) ?? 1);
    const isFresh = isTold && this.#known !== undefined && nowMs - this.#known.atMs <= oldMs;
    return isFresh && known !== undefined ? known : Math.max(known ?? 1, this.#options.assumed);
  }

  close(): void {
    this.#closing.abort();
  }

  #lookIfDue(nowMs: number, intervalMs: number): void {
    const { registry } = this.#options;
    if (registry === undefined || this.#looking || this.#closing.signal.aborted) return;
    if (nowMs - this.#lookedAtMs >= intervalMs) void this.#look(registry);
  }

  /** Never rejects. */
  async #look(registry: PodRegistry): Promise<void> {
    const { clock, pod } = this.#options;
    this.#looking = true;
    this.#lookedAtMs = clock.monotonicMs();
    try {
      const snapshot = await registry.read({ timeoutMs: readTimeoutMs, signal: this.#closing.signal });
      const isTold = snapshot.pods.some((each) => each.report.pod === pod && isLive(snapshot, each));
      this.#known = { counts: livePodsOf(snapshot, pod), atMs: clock.monotonicMs(), isTold };
    } catch (error) {
      if (!this.#closing.signal.aborted)
        this.#again.warn({ error: messageOf(error) }, 'how many pods share the budget of reads is not known');
    } finally {
      this.#looking = false;
    }
  }
}

/** By table. A pod that has been silent for long does not count: it may have died, and its share would be nobody's. */
export function livePodsOf(snapshot: PodSnapshot, self: string): ReadonlyMap<string, number> {
  const byTable = new Map<string, Set<string>>();
  for (const pod of snapshot.pods) {
    if (!isLive(snapshot, pod)) continue;
    const { report } = pod;
    for (const table of Object.keys(report.tables))
      byTable.set(table, (byTable.get(table) ?? new Set([self])).add(report.pod));
  }
  return new Map([...byTable].map(([table, names]) => [table, names.size]));
}

function isLive({ now }: PodSnapshot, { at }: PodSnapshot['pods'][number]): boolean {
  return now - at <= silentAfterMs;
}
