/** A ring of slots of equal time: what is older than all of them is forgotten, a slot at a time. Memory is that of the slots. */
export class SlidingSlots<S> {
  readonly #slotMs: number;
  readonly #slots: readonly S[];
  readonly #clear: (slot: S) => void;
  #tick: number | undefined;

  constructor(options: {
    /** Length of the window, ms. */
    readonly windowMs: number;
    readonly slots: number;
    readonly make: () => S;
    readonly clear: (slot: S) => void;
  }) {
    this.#slotMs = options.windowMs / options.slots;
    this.#slots = Array.from({ length: options.slots }, options.make);
    this.#clear = options.clear;
  }

  /** The slot of now; `nowMs` is monotonic. */
  current(nowMs: number): S {
    const tick = this.#advance(nowMs);
    return this.#slots[tick % this.#slots.length] as S;
  }

  /** Every slot that is not older than the window. */
  all(nowMs: number): readonly S[] {
    this.#advance(nowMs);
    return this.#slots;
  }

  #advance(nowMs: number): number {
    const tick = Math.floor(nowMs / this.#slotMs);
    const from = this.#tick ?? tick;
    const passed = Math.min(this.#slots.length, Math.max(0, tick - from));
    for (let step = 0; step < passed; step += 1) this.#clear(this.#slots[(tick - step) % this.#slots.length] as S);
    this.#tick = Math.max(from, tick);
    return this.#tick;
  }
}
