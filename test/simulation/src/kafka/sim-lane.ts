import { type SourceBatch, type TopicPartition } from '@tidemark/pipeline';
import { hasDone, noteAt, type RewindNote, type Rewound } from '@tidemark/protocol';

/** What the group has committed of a partition; `offset` is `undefined` where it never has. */
export interface SimCommitted {
  readonly offset: number | undefined;
  readonly note: RewindNote | undefined;
}

/** One partition that a member was given: where it stands, what is noted of its last rewind, and its turns, which never overlap. */
export class SimLane {
  readonly place: TopicPartition;
  /** After what was handled, committed or not. */
  next = 0;
  note: RewindNote | undefined;
  /** Nothing was ever committed or handled. */
  uncharted = true;
  /** Counts rewinds: what was fetched before the last one is dropped. */
  epoch = 0;
  /** Resolves when it is known where it stands, or that nobody will know. */
  readonly ready: Promise<void>;
  #beReady: () => void = () => undefined;
  /** While it is held: called when it is released. */
  #release: () => void = () => undefined;
  #released: Promise<void> = Promise.resolve();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(place: TopicPartition) {
    this.place = place;
    this.ready = new Promise((resolve) => (this.#beReady = resolve));
  }

  settle(): void {
    this.#beReady();
  }

  /**
   * Goes on after what is committed, or after what this member has handled `before` without having it committed: but that only if it knew of the
   * rewind that is noted there.
   */
  resume({ offset, note }: SimCommitted, start: number, before: SimLane | undefined): void {
    const handled = before !== undefined && before.note?.id === note?.id && !before.uncharted ? before.next : undefined;
    this.note = note;
    this.uncharted = offset === undefined && handled === undefined;
    this.next = Math.max(handled ?? 0, offset ?? start);
  }

  /** What a batch says of its partition, where records before it are lost or not. */
  marks(isGap: boolean): Pick<SourceBatch, 'afterGap' | 'uncharted' | 'rewind'> {
    const { note, uncharted } = this;
    return {
      ...(isGap || note?.lost === true ? { afterGap: true } : {}),
      ...(uncharted ? { uncharted } : {}),
      ...(note === undefined ? {} : { rewind: note }),
    };
  }

  /** What was fetched is not what came next: it may be of another log, of which nothing was handled. */
  meetGap(): void {
    if (this.note !== undefined) this.note = { ...this.note, until: 0n };
  }

  /** All before `offset` is through. */
  pass(offset: number): void {
    this.next = offset;
    this.uncharted = false;
    if (this.note !== undefined) this.note = { ...noteAt(this.note, BigInt(offset)), lost: false };
  }

  hasDone(id: number): boolean {
    return hasDone(this.note, id);
  }

  goBack({ offset, note }: Rewound): void {
    this.next = Number(offset);
    this.note = note;
    this.epoch += 1;
  }

  /** Nothing is handed over until it is released. */
  hold(): void {
    this.#released = new Promise((resolve) => (this.#release = resolve));
  }

  release(): void {
    this.#release();
  }

  /** Until it is released, or is to be let go. */
  async whileHeld(closing: AbortSignal): Promise<void> {
    const release = (): void => this.#release();
    if (closing.aborted) release();
    closing.addEventListener('abort', release, { once: true });
    await this.#released;
    closing.removeEventListener('abort', release);
  }

  /** Runs `work` after whatever runs for the partition. */
  turn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work, work);
    this.#tail = done.catch(() => undefined);
    return done;
  }
}
