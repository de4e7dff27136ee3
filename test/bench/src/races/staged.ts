const patienceMs = 2_000;

/** A fault that is laid out and waits for what it is meant for. A script asks whether it was met: a fault nobody met proves nothing. */
export class Staged {
  readonly #what: string;
  readonly #met = deferred();
  readonly #released = deferred();
  #over = false;

  constructor(what: string) {
    this.#what = what;
  }

  /** Resolves when the fault has been met; rejects after two seconds. */
  async reached(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`never came about: ${this.#what}`)), patienceMs);
    });
    try {
      await Promise.race([this.#met.promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  get over(): boolean {
    return this.#over;
  }

  /** Ends the fault. */
  release(): void {
    this.#over = true;
    this.#released.resolve();
  }

  /** For whoever carries the fault out; resolves when it ends. */
  meet(): Promise<void> {
    this.#met.resolve();
    return this.#released.promise;
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
