/** Listeners of one object by event. A listener that throws is reported and keeps nobody else from being told. */
export class Listeners<Events extends object> {
  readonly #byEvent = new Map<keyof Events, Set<(payload: never) => void>>();
  readonly #onThrow: (event: string, error: unknown) => void;

  constructor(onThrow: (event: string, error: unknown) => void) {
    this.#onThrow = onThrow;
  }

  /** Adds a listener; the returned function takes it away again. */
  add<E extends keyof Events>(event: E, listener: (payload: Events[E]) => void): () => void {
    let listeners = this.#byEvent.get(event);
    if (listeners === undefined) {
      listeners = new Set();
      this.#byEvent.set(event, listeners);
    }
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  has(event: keyof Events): boolean {
    return (this.#byEvent.get(event)?.size ?? 0) > 0;
  }

  emit<E extends keyof Events>(event: E, payload: Events[E]): void {
    for (const listener of this.#byEvent.get(event) ?? []) {
      try {
        (listener as (payload: Events[E]) => void)(payload);
      } catch (error) {
        this.#onThrow(String(event), error);
      }
    }
  }

  clear(): void {
    this.#byEvent.clear();
  }
}
