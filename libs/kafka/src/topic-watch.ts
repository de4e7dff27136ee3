import {
  backoffMs,
  type Clock,
  isTidemarkError,
  type Logger,
  messageOf,
  thinned,
  type TidemarkError,
  wait,
} from '@tidemark/runtime';
import { checkTopics, type TopicCheckOptions, topicsInvalid } from './topic-check.js';
import { topicProblemText } from './topic-requirements.js';

export interface TopicWatchOptions extends Omit<TopicCheckOptions, 'clock'> {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * The check of topics at a process's start: asked until the brokers have answered once, since a process waits for Kafka and does not end for its
 * absence. What they answer is judged once: topics that a process must not work on end it. Where it may not ask, it says so and goes on (ADR 17).
 */
export class TopicWatch {
  /** Rejects with `INVALID_CONFIGURATION`, listing every setting that does not fit; else it never settles. */
  readonly failed: Promise<never>;
  readonly #options: TopicWatchOptions;
  readonly #stopping = new AbortController();
  #error: TidemarkError | undefined;
  #fail: (error: TidemarkError) => void = () => undefined;

  /** Begins at once. */
  constructor(options: TopicWatchOptions) {
    this.#options = options;
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
    void this.#run();
  }

  /** Why the process should not go on, once that is known. */
  get error(): TidemarkError | undefined {
    return this.#error;
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    const { clock, logger, random = Math.random } = this.#options;
    const { signal } = this.#stopping;
    const again = thinned(logger, clock);
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        return await this.#look(signal);
      } catch (error) {
        if (signal.aborted) return;
        // A login may still be made; who is in and may not ask, need not ask again.
        if (isTidemarkError(error, 'ACCESS_DENIED') && error.context['field'] === undefined)
          return logger.warn({ error: messageOf(error) }, 'kafka: the settings of topics may not be read');
        again.warn({ error: messageOf(error) }, 'kafka: the settings of topics cannot be read yet');
        await wait(clock, backoffMs(attempt, { initialMs: 500, maxMs: 10_000, random }), signal, { unref: true });
      }
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const report = await checkTopics(this.#options, signal);
    if (signal.aborted) return;
    for (const problem of report.problems)
      if (problem.severity === 'warning')
        this.#options.logger.warn({ topic: problem.topic }, `kafka: ${topicProblemText(problem)}`);
    this.#error = topicsInvalid(report);
    if (this.#error !== undefined) this.#fail(this.#error);
  }
}
