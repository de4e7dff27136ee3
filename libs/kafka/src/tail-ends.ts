import { backoffMs, type Clock, wait } from '@tidemark/runtime';
import { boundsOf, withAdmin } from './admin-call.js';
import { type Conditions } from './conditions.js';
import { type KafkaClient } from './kafka-client.js';
import { type Positions } from './positions.js';

export interface TailEndsOptions {
  readonly client: KafkaClient;
  readonly clock: Clock;
  /** How far the tail has come. */
  readonly positions: Positions;
  /** Looked at whenever a position has moved. */
  readonly conditions: Conditions;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Time after which an end that has not been reached is asked for again, ms. */
const askAgainMs = 5_000;

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
    while (!(await this.#isReached(topic, ends, signal))) ends = lower(ends, await this.#of(topic, signal));
  }

  /** Whether all before `ends`, by partition, is handed over soon. */
  async #isReached(topic: string, ends: readonly bigint[], signal?: AbortSignal): Promise<boolean> {
    const { clock, conditions, positions } = this.#options;
    const isReached = (): boolean => positions.reached(topic, ends);
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
  async #of(topic: string, signal?: AbortSignal): Promise<readonly bigint[]> {
    const { client, clock, conditions, random } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const asked = withAdmin({ client, clock, signal }, (admin) => boundsOf(admin, topic));
      const bounds = await asked.catch(() => undefined);
      if (bounds !== undefined) return bounds.high;
      // Ends the wait when the caller or the owner does.
      await conditions.until(() => true, signal);
      await wait(clock, backoffMs(attempt, { initialMs: 50, maxMs: 2_000, random }), signal);
    }
  }
}

/** A partition that is not there any more has nothing to be waited for. */
function lower(ends: readonly bigint[], now: readonly bigint[]): readonly bigint[] {
  return ends.map((end, partition) => {
    const last = now[partition] ?? 0n;
    return last < end ? last : end;
  });
}
