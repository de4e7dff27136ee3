/** One registration: the same function may listen twice, and each is taken away by itself. */
interface Registration {
  readonly listener: (payload: never) => void;
}

/**
 * Listeners of one object by event. A listener that throws is reported and keeps nobody else from being told. Who begins to listen while an
 * event is told hears of the next one; who is taken away meanwhile, of none.
 */
export class Listeners<Events extends object> {
  readonly #byEvent = new Map<keyof Events, Set<Registration>>();
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
    const registration = { listener };
    listeners.add(registration);
    return () => {
      listeners.delete(registration);
    };
  }

  has(event: keyof Events): boolean {
    return (this.#byEvent.get(event)?.size ?? 0) > 0;
  }

  emit<E extends keyof Events>(event: E, payload: Events[E]): void {
    const registrations = this.#byEvent.get(event);
    if (registrations === undefined) return;
    for (const registration of [...registrations]) {
      if (!registrations.has(registration)) continue;
      try {
        (registration.listener as (payload: Events[E]) => void)(payload);
      } catch (error) {
        this.#onThrow(String(event), error);
      }
    }
  }

  clear(): void {
    for (const registrations of this.#byEvent.values()) registrations.clear();
  }
}
