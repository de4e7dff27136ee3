/** What is to happen with each signal that is listened to. */
const listening = new WeakMap<AbortSignal, Calls>();

/**
 * Calls `fn` once `signal` is aborted, unless the returned function is called before; never where it is aborted already. All that wait for one
 * signal are one listener of it: Node takes more than ten for a leak, and warns, though a caller may well give one signal to a hundred calls. Where one `fn` throws, the others are told all the same; the first error is thrown on then.
 */
export function onAbort(signal: AbortSignal, fn: () => void): () => void {
  if (signal.aborted) return () => undefined;
  const calls = listening.get(signal) ?? new Calls(signal);
  return calls.add(fn);
}

class Calls {
  readonly #signal: AbortSignal;
  readonly #calls = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    listening.set(signal, this);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  add(fn: () => void): () => void {
    // The same function may be given twice.
    const call = (): void => fn();
    this.#calls.add(call);
    return () => {
      if (!this.#calls.delete(call) || this.#calls.size > 0) return;
      this.#signal.removeEventListener('abort', this.#onAbort);
      listening.delete(this.#signal);
    };
  }

  /** What one call begins may take others back. */
  readonly #onAbort = (): void => {
    listening.delete(this.#signal);
    const errors: unknown[] = [];
    for (const call of this.#calls) {
      this.#calls.delete(call);
      try {
        call();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  };
}
