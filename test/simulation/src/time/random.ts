/** A stream of random numbers that a seed and a name decide for good. Streams of different names do not disturb each other. */
export class Random {
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number, name = '') {
    this.#name = `${seed}/${name}`;
    [this.#a, this.#b, this.#c, this.#d] = hash128(this.#name);
    for (let round = 0; round < 12; round += 1) this.next();
  }

  /** Draws of a name of their own, by moments. */
  moments(name: string): MomentRandom {
    return new MomentRandom(0, `${this.#name}/${name}`);
  }

  /** A stream of its own, whatever was drawn from this one before. */
  fork(name: string): Random {
    return new Random(0, `${this.#name}/${name}`);
  }

  /** Uniform in [0, 1). */
  next(): number {
    const sum = (this.#a + this.#b) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#d = (this.#d + 1) | 0;
    const result = (sum + this.#d) | 0;
    this.#c = (this.#c + result) | 0;
    return (result >>> 0) / 4_294_967_296;
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) throw new RangeError('nothing to pick from');
    return picked;
  }

  /** One of the names, as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Partial<Record<K, number>>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    throw new RangeError('nothing to pick from');
  }

  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let last = shuffled.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      [shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T];
    }
    return shuffled;
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.below(16).toString(16);
    return text;
  }
}

/**
 * Random numbers that a name and a moment decide, whatever was drawn before: what is left out of a run changes nothing of the rest. Of one
 * moment, the draws follow each other.
 */
export class MomentRandom {
  readonly #name: number;
  #key = 0;
  #drawn = 0;

  constructor(seed: number, name: string) {
    [this.#name] = hash128(`${seed}/${name}`);
  }

  /** The draws that follow are of this event at this moment, ms. */
  at(what: string, nowMs: number): this {
    let key = this.#name ^ Math.imul(Math.round(nowMs * 1_000) | 0, 2_654_435_761);
    for (let index = 0; index < what.length; index += 1) key = Math.imul(key ^ what.charCodeAt(index), 16_777_619);
    this.#key = key;
    this.#drawn = 0;
    return this;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#drawn += 1;
    let mixed = (this.#key + Math.imul(this.#drawn, 0x9e3779b9)) | 0;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 4_294_967_296;
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }
}

/** Four whole numbers of 32 bits from a text. */
function hash128(text: string): [number, number, number, number] {
  let [a, b, c, d] = [1_779_033_703, 3_144_134_277, 1_013_904_242, 2_773_480_762];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    a = b ^ Math.imul(a ^ code, 597_399_067);
    b = c ^ Math.imul(b ^ code, 2_869_860_233);
    c = d ^ Math.imul(c ^ code, 951_274_213);
    d = a ^ Math.imul(d ^ code, 2_716_044_179);
  }
  return [a, b, c, d];
}
