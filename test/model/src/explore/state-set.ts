/** Taken once: looking up a global is slow where tests run. */
const { imul } = Math;
const { isArray } = Array;

const initialSlots = 1 << 16;
const fullAt = 0.6;

/**
 * States that were seen. A state is plain: numbers, texts, booleans, nulls, and arrays and objects of these, with the same fields in
 * the same order in every state of a model. Kept by a hash of 64 bits each, so that millions fit: of 10 million states, two share one with a likelihood of
 * about 1 in 370,000, and then the second is not looked at.
 */
export class StateSet {
  #slots = new Uint32Array(2 * initialSlots);
  #mask = initialSlots - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `false`: it was there already. */
  add(state: object): boolean {
    digest(state);
    if (!insert(this.#slots, this.#mask, low, high)) return false;
    this.#size += 1;
    if (this.#size > fullAt * this.#mask) this.#grow();
    return true;
  }

  #grow(): void {
    const [old, slots, mask] = [this.#slots, new Uint32Array(2 * this.#slots.length), 2 * this.#mask + 1];
    for (let at = 0; at < old.length; at += 2) {
      const [low, high] = [old[at] ?? 0, old[at + 1] ?? 0];
      if (low !== 0 || high !== 0) insert(slots, mask, low, high);
    }
    this.#slots = slots;
    this.#mask = mask;
  }
}

function insert(slots: Uint32Array, mask: number, low: number, high: number): boolean {
  for (let slot = low & mask; ; slot = (slot + 1) & mask) {
    const [a, b] = [slots[2 * slot] ?? 0, slots[2 * slot + 1] ?? 0];
    if (a === 0 && b === 0) {
      slots[2 * slot] = low;
      slots[2 * slot + 1] = high;
      return true;
    }
    if (a === low && b === high) return false;
  }
}

/** The hash of what was digested last: two lanes of MurmurHash3's mixing, with constants of their own. */
let low = 0;
let high = 0;

function digest(state: object): void {
  low = 0x2545f491;
  high = 0x6c62272e;
  take(state);
  low = finish(low ^ high);
  high = finish(imul(high, 5) + low);
  if (low === 0 && high === 0) low = 1;
}

function take(value: unknown): void {
  if (typeof value === 'number') mix(value);
  else if (value === null) mix(0x7ffffffe);
  else if (typeof value === 'boolean') mix(value ? 0x7ffffffd : 0x7ffffffc);
  else if (typeof value === 'string') {
    mix(value.length);
    for (let at = 0; at < value.length; at += 1) mix(value.charCodeAt(at));
  } else if (isArray(value)) {
    mix(0x60000000 + value.length);
    for (const item of value) take(item);
  } else if (typeof value === 'object') {
    const fields = value as Record<string, unknown>;
    for (const field in fields) take(fields[field]);
  } else throw new TypeError(`a state holds a ${typeof value}`);
}

function mix(value: number): void {
  let k = imul(value, 0xcc9e2d51);
  k = imul((k << 15) | (k >>> 17), 0x1b873593);
  low ^= k;
  low = (imul((low << 13) | (low >>> 19), 5) + 0xe6546b64) | 0;
  k = imul(value ^ 0x38495ab5, 0x239b961b);
  k = imul((k << 16) | (k >>> 16), 0xab0e9789);
  high ^= k;
  high = (imul((high << 17) | (high >>> 15), 5) + 0x561ccd1b) | 0;
}

function finish(hash: number): number {
  let h = hash;
  h = imul(h ^ (h >>> 16), 0x85ebca6b);
  h = imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
