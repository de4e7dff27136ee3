import { decodePodReport, encodePodReport, type PodReport } from '@tidemark/protocol';
import { type Clock, TidemarkError } from '@tidemark/runtime';
import { type PodRegistry, type PodSnapshot, type StoreCall } from './backend.js';

/** A report is forgotten when the log goes on for this long after it, as on the brokers, ms. */
const retentionMs = 600_000;

/** The reports of all pods of one backend, in memory; the broker's time is its clock's. */
export class MemoryPodRegistry implements PodRegistry {
  readonly #clock: Clock;
  /** The last report of each pod as it went over the wire, oldest first. */
  readonly #last = new Map<string, { readonly bytes: string; readonly at: number }>();
  #now = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async report(report: PodReport, call?: Partial<StoreCall>): Promise<void> {
    assertNotAborted(call);
    this.#now = Math.max(this.#now, this.#clock.now());
    this.#last.delete(report.pod);
    if (!report.leaving) this.#last.set(report.pod, { bytes: encodePodReport(report), at: this.#now });
    for (const [pod, { at }] of this.#last) {
      if (at >= this.#now - retentionMs) break;
      this.#last.delete(pod);
    }
  }

  async read(call?: Partial<StoreCall>): Promise<PodSnapshot> {
    assertNotAborted(call);
    const pods = [...this.#last.values()].flatMap(({ bytes, at }) => {
      const decoded = decodePodReport(bytes);
      return decoded.ok ? [{ report: decoded.report, at }] : [];
    });
    return { now: this.#now, pods };
  }
}

function assertNotAborted(call: Partial<StoreCall> | undefined): void {
  if (call?.signal?.aborted !== true) return;
  throw new TidemarkError('ABORTED', 'the call was aborted', { retriable: false, cause: call.signal.reason });
}
