/** How many bytes of batches may be at work, by topic; what is asked for in vain waits to be called. */
export class WorkBudget {
  readonly #bytesMax: number;
  readonly #topics = new Map<string, number>();
  #bytes = 0;
  #waiting: { readonly topic: string; readonly bytes: number; readonly onRoom: () => void }[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Of all batches at work. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Whether the bytes may be taken. A topic has an eighth of all for itself while half is free: whatever the others hold back, each topic gets
   * one batch more. A batch that is larger than its share is taken where its topic has nothing else at work.
   */
  take(topic: string, bytes: number): boolean {
    if (!this.#hasRoom(topic, bytes)) return false;
    this.#topics.set(topic, (this.#topics.get(topic) ?? 0) + bytes);
    this.#bytes += bytes;
    return true;
  }

  /** Gives bytes back, and calls those who fit now, in the order they came. */
  give(topic: string, bytes: number): void {
    const left = (this.#topics.get(topic) ?? 0) - bytes;
    if (left > 0) this.#topics.set(topic, left);
    else this.#topics.delete(topic);
    this.#bytes -= bytes;
    this.#callNext();
  }

  /** Calls `onRoom` once there is room; the returned function takes that back. Nothing is reserved. */
  whenRoom(topic: string, bytes: number, onRoom: () => void): () => void {
    const waiter = { topic, bytes, onRoom };
    this.#waiting.push(waiter);
    return () => {
      this.#waiting = this.#waiting.filter((one) => one !== waiter);
    };
  }

  #hasRoom(topic: string, bytes: number): boolean {
    const own = this.#topics.get(topic) ?? 0;
    if (own === 0) return this.#bytes < this.#bytesMax;
    return own + bytes <= this.#bytesMax / 8 && this.#bytes + bytes <= this.#bytesMax / 2;
  }

  #callNext(): void {
    const called = new Map<string, number>();
    const staying = [];
    for (const waiter of this.#waiting) {
      const before = called.get(waiter.topic) ?? 0;
      if (this.#hasRoom(waiter.topic, before + waiter.bytes)) {
        called.set(waiter.topic, before + waiter.bytes);
        waiter.onRoom();
      } else staying.push(waiter);
    }
    this.#waiting = staying;
  }
}
