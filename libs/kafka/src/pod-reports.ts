import { type PodSnapshot } from '@tidemark/cache';
import { decodePodReport, type PodReport } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';

/** A report is forgotten once the log goes on for this long after it, ms of the broker's time: the topic's retention. */
export const reportRetentionMs = 600_000;
/** After a hole in the log every live pod has reported again within this, or counts as silent, ms of the broker's time. */
const unsureMs = 10_000;

/** A record of the pods topic. */
export interface ReportRecord {
  readonly value: Uint8Array | null;
  /** The broker's, ms since the epoch. */
  readonly at: number;
}

/**
 * The last report of each pod, as the log tells them one after another.
 *
 * The only time in here is the broker's, which never goes back: where a record is dated before the one in front of it, a new leader's clock
 * is behind, and it counts as simultaneous. A report that cannot be read leaves the pod's earlier one standing, which holds up
 * whoever waits for the pod, and never tells it something that is not so.
 */
export class PodReports {
  readonly #podsMax: number;
  /** Oldest first. */
  readonly #last = new Map<string, { readonly report: PodReport; readonly at: number }>();
  #now = 0;
  /** Broker time until which pods may be missing, and why. */
  #unsure: { readonly until: number; readonly reason: string } | undefined;

  /** `podsMax`: pods that report within ten minutes. Default 10,000. */
  constructor(podsMax = 10_000) {
    this.#podsMax = podsMax;
  }

  /** Takes the next record; the reason why it could not be read, if it could not. */
  apply({ value, at }: ReportRecord): string | undefined {
    this.#now = Math.max(this.#now, at);
    this.#forget();
    const decoded = decodePodReport(value);
    if (!decoded.ok) return decoded.reason;
    const { report } = decoded;
    this.#last.delete(report.pod);
    if (report.leaving) return undefined;
    if (this.#last.size < this.#podsMax) this.#last.set(report.pod, { report, at: this.#now });
    else this.#doubt(`more than ${this.#podsMax} pods report`, reportRetentionMs);
    return undefined;
  }

  /** Records were lost before they were read: a pod that only they named is not known. */
  gap(reason: string): void {
    this.#doubt(reason, unsureMs);
  }

  /** Throws `FEED_UNAVAILABLE` while live pods may be missing from it. */
  snapshot(): PodSnapshot {
    if (this.#unsure !== undefined && this.#now < this.#unsure.until)
      throw new TidemarkError('FEED_UNAVAILABLE', `which pods are live is not known yet: ${this.#unsure.reason}`, {
        retriable: true,
      });
    return { now: this.#now, pods: [...this.#last.values()] };
  }

  #doubt(reason: string, forMs: number): void {
    this.#unsure = { until: Math.max(this.#unsure?.until ?? 0, this.#now + forMs), reason };
  }

  #forget(): void {
    for (const [pod, { at }] of this.#last) {
      if (at >= this.#now - reportRetentionMs) return;
      this.#last.delete(pod);
    }
  }
}
