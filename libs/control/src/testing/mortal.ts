/** The call of a port that is a process's last: it dies `before` anything came of it, or `after` it has taken place and before the answer. */
export interface KillableCall {
  readonly call: number;
  readonly when: 'before' | 'after';
}

/** One process's life, by the calls of its ports. */
export class Life {
  /** Calls so far. */
  calls = 0;
  dead = false;
  /** Called at its death. */
  onDeath: () => void = () => undefined;
  readonly #death: KillableCall | undefined;

  constructor(death?: KillableCall) {
    this.#death = death;
  }

  /** Carries one call out, unless the process is dead before it. */
  async call<T>(work: () => Promise<T>): Promise<T> {
    if (this.dead) throw new Error('the process is dead');
    const isLast = this.calls === this.#death?.call;
    this.calls += 1;
    if (isLast && this.#death?.when === 'before') return this.#die();
    const result = await work();
    return isLast ? this.#die() : result;
  }

  #die(): never {
    this.dead = true;
    this.onDeath();
    throw new Error('the process dies');
  }
}

/** A port whose every call but those in `free` counts in `life`. */
export function mortal<T extends object>(port: T, life: Life, free: readonly string[] = ['close']): T {
  return new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = (...args: readonly unknown[]): unknown => Reflect.apply(value, target, args);
      if (free.includes(String(name))) return method;
      return (...args: readonly unknown[]) => life.call(async () => method(...args));
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}
