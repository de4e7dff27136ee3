import { type Clock } from '@tidemark/runtime';

/** One thing at a time that is to be done after a while. */
export class Later {
  readonly #clock: Clock;
  readonly #afterMs: number;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, afterMs: number) {
    this.#clock = clock;
    this.#afterMs = afterMs;
  }

  /** In the place of what was to be done. */
  set(work: () => void): void {
    this.#cancel();
    this.#cancel = this.#clock.setTimer(work, this.#afterMs, { unref: true });
  }

  cancel(): void {
    this.#cancel();
  }
}
