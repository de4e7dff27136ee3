import { type Clock } from '@tidemark/runtime';
import { type Positions } from './positions.js';
import { type TailSession } from './tail-session.js';

export interface TailStepsOptions {
  readonly clock: Clock;
  readonly positions: Positions;
  /** Whether there is nothing to be had at an offset: that a partition stands still may be a slow answer, or a refusal. */
  readonly isNothing: (topic: string, partition: number, offset: bigint) => boolean;
  /** Whether the tail still listens to it. */
  readonly isPresent: (session: TailSession) => boolean;
  /** A position is to move by one, with nothing handed over. */
  readonly onStep: (topic: string, partition: number, next: bigint) => void;
}

/** Time between two looks at whether a step has helped, ms. */
const lookMs = 50;
/** Looks at a step that brings nothing, before it is left to the watch. */
const looksMax = 200;

/** Steps over offsets that a consumer cannot get past: a batch that the log cleaner has left without records is sent again and again. */
export class TailSteps {
  readonly #options: TailStepsOptions;

  constructor(options: TailStepsOptions) {
    this.#options = options;
  }

  /**
   * Seeks one further, and again when two answers have brought nothing: until something arrives, `end` is reached, or the brokers have not said for 10 s that there is
   * nothing at the next offset either, which is left to the watch.
   */
  on(session: TailSession, topic: string, partition: number, end: bigint): void {
    const { clock, positions, isNothing, isPresent, onStep } = this.#options;
    const position = positions.at(topic, partition);
    if (position === undefined || position >= end || !isPresent(session)) return;
    if (!isNothing(topic, partition, position)) return;
    const next = position + 1n;
    const { answers } = session;
    onStep(topic, partition, next);
    session.seek(topic, partition, next);
    let looks = 0;
    const again = (): void => {
      if (positions.at(topic, partition) !== next) return;
      // Answers of other brokers count among them: what was asked for before the seek may still be under way.
      const isPassable = session.answers >= answers + 2 && isNothing(topic, partition, next);
      looks += 1;
      if (isPassable) this.on(session, topic, partition, end);
      else if (isPresent(session) && looks < looksMax) clock.setTimer(again, lookMs, { unref: true });
    };
    clock.setTimer(again, lookMs, { unref: true });
  }
}
