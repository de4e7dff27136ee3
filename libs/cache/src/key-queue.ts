import { TidemarkError } from '@tidemark/runtime';

/** Runs tasks of one key one after the other, and tasks of different keys side by side. */
export class KeyQueue {
  readonly #tails = new Map<string, { tail: Promise<unknown>; length: number }>();
  readonly #perKeyMax: number;
  readonly #max: number;
  #tasks = 0;

  /** `perKeyMax`: tasks of one key that may run or wait, default 1,000; `max`: of all keys, default 10,000. A further one fails with `QUEUE_FULL`. */
  constructor(perKeyMax = 1_000, max = 10_000) {
    this.#perKeyMax = perKeyMax;
    this.#max = max;
  }

  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const queue = this.#tails.get(key) ?? { tail: Promise.resolve(), length: 0 };
    if (queue.length >= this.#perKeyMax) return refused(`${queue.length} writes of one key`, this.#perKeyMax);
    if (this.#tasks >= this.#max) return refused(`${this.#tasks} writes`, this.#max);
    this.#tails.set(key, queue);
    queue.length += 1;
    this.#tasks += 1;
    const result = queue.length === 1 ? task() : queue.tail.then(task);
    queue.tail = result.then(
      () => this.#done(key, queue),
      () => this.#done(key, queue),
    );
    return result;
  }

  /** Whether a task of `key` runs or waits. */
  isBusy(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Resolves when everything that runs or waits now has ended. */
  async idle(): Promise<void> {
    await Promise.all([...this.#tails.values()].map(({ tail }) => tail));
  }

  #done(key: string, queue: { length: number }): void {
    queue.length -= 1;
    this.#tasks -= 1;
    if (queue.length === 0) this.#tails.delete(key);
  }
}

function refused(what: string, max: number): Promise<never> {
  const message = `${what} are in hand already`;
  return Promise.reject(new TidemarkError('QUEUE_FULL', message, { retriable: true, context: { max } }));
}
