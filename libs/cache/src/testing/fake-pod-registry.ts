import { type PodReport } from '@tidemark/protocol';
import { type Clock, systemClock, type TidemarkError } from '@tidemark/runtime';
import { type PodRegistry, type PodSnapshot, type StoreCall } from '../backend.js';
import { MemoryPodRegistry } from '../memory-pod-registry.js';

/** A registry that notes what pods report, and fails when a test says so. Tests report for other pods through it as well. */
export class FakePodRegistry implements PodRegistry {
  /** Acknowledged, oldest first. */
  readonly reports: PodReport[] = [];
  readonly #log: MemoryPodRegistry;
  #reads = 0;
  #failures: { readonly report: TidemarkError[]; readonly read: TidemarkError[] } = { report: [], read: [] };

  /** `clock` is the broker's; default the system's. */
  constructor(clock: Clock = systemClock) {
    this.#log = new MemoryPodRegistry(clock);
  }

  /** Calls of `read` so far. */
  get reads(): number {
    return this.#reads;
  }

  async report(report: PodReport, call?: Partial<StoreCall>): Promise<void> {
    const failure = this.#failures.report.shift();
    if (failure !== undefined) throw failure;
    await this.#log.report(report, call);
    this.reports.push(report);
  }

  async read(call?: Partial<StoreCall>): Promise<PodSnapshot> {
    this.#reads += 1;
    const failure = this.#failures.read.shift();
    if (failure !== undefined) throw failure;
    return this.#log.read(call);
  }

  /** Fails the next call of that kind that has no failure yet; a failed report is not appended. */
  failNext(call: 'report' | 'read', error: TidemarkError): void {
    this.#failures[call].push(error);
  }
}
