import { type PodReport } from '@tidemark/protocol';
import { type Clock, type Logger, messageOf, type Metric, type MetricRegistry, thinned } from '@tidemark/runtime';
import { type PodRegistry } from './backend.js';

export interface PodReporterOptions {
  readonly registry: PodRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly pod: string;
  readonly service: string;
  readonly tables: () => PodReport['tables'];
  /** The first report is acknowledged: from now on others wait for this pod. */
  readonly onRegistered: () => void;
  /** Time between reports, ms; default 2,000. */
  readonly intervalMs?: number;
  /** A report that was asked for waits this long for others to join it, ms; default 20. */
  readonly promptMs?: number;
}

const reportTimeoutMs = 5_000;

/** Says on the pods topic what this pod follows and how far it is: every 2 s, and at once when an event asks. */
export class PodReporter {
  readonly #options: PodReporterOptions;
  readonly #failed: Metric;
  readonly #again: Pick<Logger, 'warn'>;
  #cancel: () => void = () => undefined;
  #dueMs = Infinity;
  #sending = false;
  #registered = false;
  #state: 'idle' | 'running' | 'stopped' = 'idle';

  constructor(options: PodReporterOptions) {
    this.#options = options;
    this.#again = thinned(options.logger, options.clock);
    this.#failed = options.metrics.counter(
      'tidemark_pod_report_failures_total',
      'Reports of this pod that the pods topic did not take.',
    );
  }

  /** Whether others know of this pod. */
  get registered(): boolean {
    return this.#registered;
  }

  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'running';
    this.#schedule(0);
  }

  /** Reports soon, with whatever else asks until then. */
  ask(): void {
    if (this.#state === 'running') this.#schedule(this.#options.promptMs ?? 20);
  }

  /** Takes its leave, so that nobody waits for this pod; at most `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    const mayBeKnown = this.#registered || this.#sending;
    this.#state = 'stopped';
    this.#cancel();
    if (!mayBeKnown) return;
    await this.#options.registry.report(this.#report(true), { timeoutMs }).catch((error: unknown) => {
      this.#options.logger.warn({ error: messageOf(error) }, 'pod could not take its leave on the pods topic');
    });
  }

  #schedule(delayMs: number): void {
    const dueMs = this.#options.clock.monotonicMs() + delayMs;
    if (dueMs >= this.#dueMs) return;
    this.#cancel();
    this.#dueMs = dueMs;
    this.#cancel = this.#options.clock.setTimer(() => void this.#send(), delayMs, { unref: true });
  }

  /** One report is under way at a time; what is asked for meanwhile follows it. */
  async #send(): Promise<void> {
    this.#dueMs = Infinity;
    if (this.#sending) return this.#schedule(this.#options.promptMs ?? 20);
    this.#sending = true;
    try {
      await this.#options.registry.report(this.#report(false), { timeoutMs: reportTimeoutMs });
      if (!this.#registered && this.#state === 'running') {
        this.#registered = true;
        this.#options.onRegistered();
      }
    } catch (error) {
      this.#onFailure(error);
    } finally {
      this.#sending = false;
      if (this.#state === 'running') this.#schedule(this.#options.intervalMs ?? 2_000);
    }
  }

  #onFailure(error: unknown): void {
    this.#failed.value += 1;
    this.#again.warn({ error: messageOf(error) }, 'pods topic did not take the report of this pod');
  }

  #report(leaving: boolean): PodReport {
    const { pod, service, tables } = this.#options;
    return { pod, service, tables: leaving ? {} : tables(), leaving };
  }
}
