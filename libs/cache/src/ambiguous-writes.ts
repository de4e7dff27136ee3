import { type ItemImage } from '@tidemark/protocol';
import { type Clock } from '@tidemark/runtime';

/** A write whose answer never came. */
export interface AmbiguousWrite {
  readonly key: string;
  readonly operation: string;
  readonly writeId: string;
  /** When the answer was given up, ms since the epoch. */
  readonly since: number;
}

/**
 * `committed`: an event or a read has shown it in the table. `not-seen`: it was not there at the last look; it may have been
 * overwritten since, and a removal leaves nothing to look for. `forgotten`: pushed out of the list by later ones.
 */
export type WriteFate = 'committed' | 'not-seen' | 'forgotten';

export interface AmbiguousWritesOptions {
  readonly clock: Clock;
  /** A strong read of the key. */
  readonly read: (key: string) => Promise<ItemImage | undefined>;
  readonly onFate: (write: AmbiguousWrite, fate: WriteFate) => void;
  /** Looks, ms after the answer was given up; default 1 s, 5 s, 30 s: a request may wait in the network until the SDK's sockets end. */
  readonly looksMs?: readonly number[];
  /** Writes listed; default 1,000. */
  readonly max?: number;
}

/**
 * The list of ambiguous writes, and what became of them. Nothing is mended here: if such a write did commit, its event reaches every pod.
 * The list is for those who must know: a caller that reports to a user, an operator who sees the number grow.
 */
export class AmbiguousWrites {
  readonly #options: AmbiguousWritesOptions;
  readonly #open = new Map<string, { readonly write: AmbiguousWrite; cancel: () => void }>();

  constructor(options: AmbiguousWritesOptions) {
    this.#options = options;
  }

  /** Oldest first. */
  get list(): readonly AmbiguousWrite[] {
    return [...this.#open.values()].map(({ write }) => write);
  }

  add(write: AmbiguousWrite): void {
    const item = { write, cancel: () => undefined };
    this.#open.set(write.writeId, item);
    for (const [writeId] of this.#open) {
      if (this.#open.size <= (this.#options.max ?? 1_000)) break;
      this.#settle(writeId, 'forgotten');
    }
    this.#lookLater(item, 0);
  }

  /** An event came in that says what stood in the table. */
  seen(from: string | null, to: string | null): void {
    if (this.#open.size === 0) return;
    if (from !== null) this.#settle(from, 'committed');
    if (to !== null) this.#settle(to, 'committed');
  }

  close(): void {
    for (const { cancel } of this.#open.values()) cancel();
    this.#open.clear();
  }

  #lookLater(item: { readonly write: AmbiguousWrite; cancel: () => void }, look: number): void {
    const { clock, looksMs = [1_000, 5_000, 30_000] } = this.#options;
    const atMs = looksMs[look];
    if (atMs === undefined) return this.#settle(item.write.writeId, 'not-seen');
    const delayMs = atMs - (looksMs[look - 1] ?? 0);
    item.cancel = clock.setTimer(() => void this.#look(item, look), delayMs, { unref: true });
  }

  async #look(item: { readonly write: AmbiguousWrite; cancel: () => void }, look: number): Promise<void> {
    const { key, writeId } = item.write;
    try {
      const image = await this.#options.read(key);
      if (image?.writeId === writeId) return this.#settle(writeId, 'committed');
    } catch {
      // The next look asks again.
    }
    if (this.#open.get(writeId) === item) this.#lookLater(item, look + 1);
  }

  #settle(writeId: string, fate: WriteFate): void {
    const item = this.#open.get(writeId);
    if (item === undefined) return;
    this.#open.delete(writeId);
    item.cancel();
    this.#options.onFate(item.write, fate);
  }
}
