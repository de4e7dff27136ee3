export interface Counted {
  readonly key: string;
  /** At least the key's true weight. */
  readonly count: number;
  /** At most so much of the count is not the key's. */
  readonly error: number;
}

/**
 * The heaviest keys of a stream in bounded memory: Space-Saving, with weights (Metwally et al., 2005).
 *
 * It counts `capacity` keys. A further one takes the place of the lightest, and its count as an error. So with a total weight W: a count is never
 * less than the key's true weight, and at most W / capacity more; a key of a true weight above W / capacity is always there.
 */
export class SpaceSaving {
  readonly #capacity: number;
  readonly #ids = new Map<string, number>();
  readonly #keys: string[] = [];
  readonly #counts: number[] = [];
  readonly #errors: number[] = [];
  /** Ids; none is lighter than its parent. */
  readonly #heap: number[] = [];
  /** By id, its place in the heap. */
  readonly #places: number[] = [];
  #total = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** Weight of all that was added. */
  get total(): number {
    return this.#total;
  }

  /** `weight` is above 0. */
  add(key: string, weight: number): void {
    this.#total += weight;
    const known = this.#ids.get(key);
    if (known !== undefined) return this.#grow(known, weight);
    if (this.size < this.#capacity) return this.#insert(key, weight);
    const id = this.#heap[0] ?? 0;
    this.#ids.delete(this.#keys[id] ?? '');
    this.#ids.set(key, id);
    this.#keys[id] = key;
    this.#errors[id] = this.#counts[id] ?? 0;
    this.#grow(id, weight);
  }

  /** Multiplies every weight by `factor`, above 0: what was counted so far counts so much less. */
  scale(factor: number): void {
    this.#total *= factor;
    for (let id = 0; id < this.size; id += 1) {
      this.#counts[id] = (this.#counts[id] ?? 0) * factor;
      this.#errors[id] = (this.#errors[id] ?? 0) * factor;
    }
  }

  /** Up to `max` keys, the heaviest first. */
  heaviest(max: number): Counted[] {
    return this.#keys
      .map((key, id) => ({ key, count: this.#counts[id] ?? 0, error: this.#errors[id] ?? 0 }))
      .sort((a, b) => b.count - a.count)
      .slice(0, max);
  }

  #insert(key: string, weight: number): void {
    const id = this.size;
    this.#ids.set(key, id);
    this.#keys.push(key);
    this.#counts.push(weight);
    this.#errors.push(0);
    this.#places.push(id);
    this.#heap.push(id);
    this.#rise(id);
  }

  #grow(id: number, weight: number): void {
    this.#counts[id] = (this.#counts[id] ?? 0) + weight;
    this.#sink(this.#places[id] ?? 0);
  }

  #rise(from: number): void {
    for (let place = from; place > 0;) {
      const parent = (place - 1) >> 1;
      if (this.#countAt(parent) <= this.#countAt(place)) return;
      this.#swap(place, parent);
      place = parent;
    }
  }

  #sink(from: number): void {
    for (let place = from; ;) {
      const left = 2 * place + 1;
      const lighter = this.#countAt(left + 1) < this.#countAt(left) ? left + 1 : left;
      if (this.#countAt(place) <= this.#countAt(lighter)) return;
      this.#swap(place, lighter);
      place = lighter;
    }
  }

  /** `Infinity` beyond the end. */
  #countAt(place: number): number {
    const id = this.#heap[place];
    return id === undefined ? Infinity : (this.#counts[id] ?? 0);
  }

  #swap(one: number, other: number): void {
    const [a = 0, b = 0] = [this.#heap[one], this.#heap[other]];
    this.#heap[one] = b;
    this.#heap[other] = a;
    this.#places[b] = one;
    this.#places[a] = other;
  }
}
