/** What stands in a queue knows its place there. */
export interface Queued {
  /** Whose turn it is, counted from the first that the queue has ever held. */
  place: number;
  readonly bytes: number;
}

const leastRoom = 16;

/** First in, first out; what is removed in between leaves a hole, which costs nothing but its place until the queue is next made larger. */
export class EntryQueue<T extends Queued> {
  /** A ring, whose length is a power of two. */
  #ring: (T | undefined)[] = new Array<T | undefined>(leastRoom).fill(undefined);
  #first = 0;
  #end = 0;
  #length = 0;
  #bytes = 0;

  push(item: T): void {
    if (this.#end - this.#first === this.#ring.length) this.#makeRoom();
    item.place = this.#end;
    this.#ring[this.#end & (this.#ring.length - 1)] = item;
    this.#end += 1;
    this.#length += 1;
    this.#bytes += item.bytes;
  }

  /** Takes out the one that has been there longest. */
  shift(): T | undefined {
    while (this.#first < this.#end) {
      const item = this.#ring[this.#first & (this.#ring.length - 1)];
      if (item !== undefined) {
        this.remove(item);
        return item;
      }
      this.#first += 1;
    }
    return undefined;
  }

  remove(item: T): void {
    this.#ring[item.place & (this.#ring.length - 1)] = undefined;
    this.#length -= 1;
    this.#bytes -= item.bytes;
    if (this.#length === 0) this.#first = this.#end;
  }

  /** Puts one in the place of another. */
  replace(item: T, next: T): void {
    next.place = item.place;
    this.#ring[item.place & (this.#ring.length - 1)] = next;
    this.#bytes += next.bytes - item.bytes;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Closes the holes; grows where there are few. */
  #makeRoom(): void {
    const items = this.#ring;
    let room = leastRoom;
    while (room < 2 * this.#length) room *= 2;
    const ring = new Array<T | undefined>(room).fill(undefined);
    let end = 0;
    for (let at = this.#first; at < this.#end; at += 1) {
      const item = items[at & (items.length - 1)];
      if (item === undefined) continue;
      item.place = end;
      ring[end] = item;
      end += 1;
    }
    this.#ring = ring;
    this.#first = 0;
    this.#end = end;
  }
}
