import { backoffMs, type Clock, wait } from '@tidemark/runtime';
import { boundsOf, identityOf, withAdmin } from './admin-call.js';
import { type Conditions } from './conditions.js';
import { type KafkaClient } from './kafka-client.js';

export interface TailEndsOptions {
  readonly client: KafkaClient;
  readonly clock: Clock;
  /** Whether the tail has come as far as that, in the topic of that id; without one, in any topic of the name. */
  readonly isReached: (topic: string, ends: readonly bigint[], topicId: string | undefined) => boolean;
  /** Looked at whenever a position has moved. */
  readonly conditions: Conditions;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Time after which an end that has not been reached is asked for again, ms. */
const askAgainMs = 5_000;

/** The ends of a log by partition, and which log that is. */
interface Ends {
  readonly high: readonly bigint[];
  readonly topicId: string | undefined;
}

/** Waits until a tail has handed over what is in a topic at present, as the brokers say. */
export class TailEnds {
  readonly #options: TailEndsOptions;

  constructor(options: TailEndsOptions) {
    this.#options = options;
  }

  /**
   * Resolves once everything that is in `topic` when it is called has been handed over, or has left the log: a log that was cut at its end, or made
   * anew, has nothing at those offsets until somebody writes, so the end is asked for again and again. Fails with `ABORTED`, `CLOSED`.
   */
  async pass(topic: string, signal?: AbortSignal): Promise<void> {
    let ends = await this.#of(topic, signal);
    while (!(await this.#isReached(topic, ends, signal))) ends = later(ends, await this.#of(topic, signal));
  }

  /** Whether all before `ends`, by partition, is handed over soon. */
  async #isReached(topic: string, { high, topicId }: Ends, signal?: AbortSignal): Promise<boolean> {
    const { clock, conditions } = this.#options;
    const isReached = (): boolean => this.#options.isReached(topic, high, topicId);
    let isLate = false;
    const cancel = clock.setTimer(
      () => {
        isLate = true;
        conditions.check();
      },
      askAgainMs,
      { unref: true },
    );
    await conditions.until(() => isReached() || isLate, signal).finally(cancel);
    return isReached();
  }

  /** However long it takes: until then the topic or its broker is waited for. */
  async #of(topic: string, signal?: AbortSignal): Promise<Ends> {
    const { client, clock, conditions, random } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const asked = withAdmin({ client, clock, signal }, async (admin): Promise<Ends | undefined> => {
        const identity = await identityOf(admin, topic);
        const bounds = identity === undefined ? undefined : await boundsOf(admin, topic);
        return bounds && { high: bounds.high, topicId: identity?.topicId };
      });
      const ends = await asked.catch(() => undefined);
      if (ends !== undefined) return ends;
      // Ends the wait when the caller or the owner does.
      await conditions.until(() => true, signal);
      await wait(clock, backoffMs(attempt, { initialMs: 50, maxMs: 2_000, random }), signal);
    }
  }
}

/** What is still to be waited for: of a log that was made anew, all that it has; a partition that is not there any more has nothing. */
function later(before: Ends, now: Ends): Ends {
  if (before.topicId !== now.topicId) return now;
  const high = before.high.map((end, partition) => {
    const last = now.high[partition] ?? 0n;
    return last < end ? last : end;
  });
  return { ...now, high };
}
