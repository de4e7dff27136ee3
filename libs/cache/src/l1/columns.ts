/** The slot of what is not held. */
export const none = -1;

/** The number below `none` that a use gives for a slot whose value is not given as it stands; and of that number, the slot. */
export function aside(slot: number): number {
  return none - 1 - slot;
}

/** Partition of a slot that holds nothing. */
const vacant = -2;

const leastRoom = 64;

/**
 * Entries as columns: a slot is a row. No entry is an object of its own, so that a lookup follows no pointer but the value's, an event replaces
 * what it changes in its place, and the garbage collector has keys, write ids and values to trace, and nothing else.
 *
 * Grows with what it holds, up to `max` slots. Columns are replaced when it grows: read them from here at each use.
 */
export class Columns {
  readonly slots = new Map<string, number>();
  readonly keys: string[] = [];
  readonly values: unknown[] = [];
  readonly writeIds: (string | null)[] = [];
  stampUs = new Float64Array(0);
  expiresAt = new Float64Array(0);
  readAt = new Float64Array(0);
  bytes = new Float64Array(0);
  keyBytes = new Int32Array(0);
  partitions = new Int32Array(0);
  sources = new Uint8Array(0);
  /** Bits of `Flag`. */
  flags = new Uint8Array(0);
  /** Neighbours in the list that the slot is in; of a vacant slot, `next` is the next vacant one. */
  next = new Int32Array(0);
  previous = new Int32Array(0);
  readonly #max: number;
  #vacant = none;

  constructor(max: number) {
    this.#max = max;
  }

  /** Gives the key a slot. It must have none, and fewer than `max` may be in use. */
  take(key: string): number {
    const slot = this.#vacantSlot();
    this.slots.set(key, slot);
    this.keys[slot] = key;
    this.flags[slot] = 0;
    return slot;
  }

  /** Takes the slot back. It must be in no list. */
  release(slot: number): void {
    this.slots.delete(this.keys[slot] ?? '');
    this.keys[slot] = '';
    this.values[slot] = undefined;
    this.writeIds[slot] = null;
    this.partitions[slot] = vacant;
    this.next[slot] = this.#vacant;
    this.#vacant = slot;
  }

  /** Forgets every slot, and gives the room back. */
  clear(): void {
    this.slots.clear();
    for (const column of [this.keys, this.values, this.writeIds]) column.length = 0;
    this.#vacant = none;
    this.#resize(0);
  }

  /** Slots that were ever in use since it was last cleared: those in use are among them. */
  get length(): number {
    return this.keys.length;
  }

  #vacantSlot(): number {
    const slot = this.#vacant;
    if (slot !== none) {
      this.#vacant = this.next[slot] ?? none;
      return slot;
    }
    const { length } = this.keys;
    if (length === this.flags.length) this.#resize(Math.min(this.#max, Math.max(leastRoom, 2 * length)));
    this.keys.push('');
    this.values.push(undefined);
    this.writeIds.push(null);
    return length;
  }

  #resize(room: number): void {
    this.stampUs = resized(this.stampUs, new Float64Array(room));
    this.expiresAt = resized(this.expiresAt, new Float64Array(room));
    this.readAt = resized(this.readAt, new Float64Array(room));
    this.bytes = resized(this.bytes, new Float64Array(room));
    this.keyBytes = resized(this.keyBytes, new Int32Array(room));
    this.partitions = resized(this.partitions, new Int32Array(room));
    this.sources = resized(this.sources, new Uint8Array(room));
    this.flags = resized(this.flags, new Uint8Array(room));
    this.next = resized(this.next, new Int32Array(room));
    this.previous = resized(this.previous, new Int32Array(room));
  }
}

/** Bits of a slot's flags. */
export const Flag = {
  /** It says that there is no value. */
  absence: 1,
  /** A get without bounds is given the value as it stands. */
  plain: 2,
  /** S3-FIFO: it stands in the main queue. */
  main: 4,
  /** S3-FIFO: one use of the three that are counted, in these two bits. */
  use: 8,
  uses: 24,
  /** It was brought in for the sake of others, and nobody here has used it since. */
  unasked: 32,
} as const;

type Column = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

function resized<C extends Column>(from: C, to: C): C {
  if (from.length <= to.length) to.set(from);
  return to;
}
