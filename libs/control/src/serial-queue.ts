import { TidemarkError } from '@tidemark/runtime';

/** Runs pieces of work one after the other, in the order they were given; refuses with `QUEUE_FULL` beyond its limit. */
export class SerialQueue {
  readonly #pendingMax: number;
  #pending = 0;
  #tail: Promise<unknown> = Promise.resolve();

  /** `pendingMax`: pieces waiting or running. */
  constructor(pendingMax: number) {
    this.#pendingMax = pendingMax;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#pending >= this.#pendingMax) {
      throw new TidemarkError('QUEUE_FULL', `${this.#pending} changes are waiting already`, {
        retriable: true,
        context: { pendingMax: this.#pendingMax },
      });
    }
    this.#pending += 1;
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined).finally(() => (this.#pending -= 1));
    return result;
  }
}
