import { processCpuNs } from './cpu-clock.js';

/** Counts what was acknowledged; the clock starts with the first send, or once so much is acknowledged that the code is warm. */
export class Meter {
  /** Events for each CPU-second. */
  readonly done: Promise<number>;
  readonly #total: number;
  readonly #warm: number;
  #finish: (rate: number) => void = () => undefined;
  #began: { readonly count: number; readonly ns: number } | undefined;
  #count = 0;

  constructor(total: number, warm = 0) {
    this.#total = total;
    this.#warm = warm;
    this.done = new Promise((resolve) => (this.#finish = resolve));
  }

  sending(): void {
    if (this.#count >= this.#warm) this.#began ??= { count: this.#count, ns: processCpuNs() };
  }

  acknowledged(count: number): void {
    this.#count += count;
    if (this.#count < this.#total || this.#began === undefined) return;
    this.#finish(((this.#count - this.#began.count) * 1e9) / (processCpuNs() - this.#began.ns));
  }
}
