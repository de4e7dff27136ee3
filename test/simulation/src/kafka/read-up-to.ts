/** How far a log is read, and who waits for it to be read further. */
export class ReadUpTo {
  #position = -1;
  #waiting: { readonly offset: number; readonly resolve: () => void }[] = [];

  reached(position: number): void {
    this.#position = Math.max(this.#position, position);
    const due = this.#waiting.filter(({ offset }) => offset <= this.#position);
    this.#waiting = this.#waiting.filter(({ offset }) => offset > this.#position);
    for (const { resolve } of due) resolve();
  }

  /** Resolves when everything before `offset` is read. */
  until(offset: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ offset, resolve });
      this.reached(this.#position);
    });
  }
}
