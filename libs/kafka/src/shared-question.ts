/**
 * A question that many ask at once. Whoever asks gets an answer that was asked for after he came: one question is under way, and all who come
 * meanwhile share the next.
 */
export class SharedQuestion<T> {
  readonly #ask: () => Promise<T>;
  #asking: Promise<unknown> | undefined;
  #next: Promise<T> | undefined;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  answer(): Promise<T> {
    if (this.#next !== undefined) return this.#next;
    if (this.#asking === undefined) return this.#begin();
    const begin = (): Promise<T> => {
      this.#next = undefined;
      return this.#begin();
    };
    this.#next = this.#asking.then(begin, begin);
    return this.#next;
  }

  #begin(): Promise<T> {
    const asked = this.#ask();
    this.#asking = asked;
    const end = (): void => {
      if (this.#asking === asked) this.#asking = undefined;
    };
    asked.then(end, end);
    return asked;
  }
}
