import { type Generation, type Lane } from '@tidemark/kafka/internals';

/** Batches of a lane in hand; with as many, its partition is not fetched. */
const pendingMax = 2;

/** Where a lane is fetched, which is kafkajs's own position and moved by seeks, and its work, which goes on beside the fetching. */
export class LaneCursor {
  /** Next offset to ask for; `undefined`: the log's first. */
  next: number | undefined;
  /** Counts seeks: what was asked for before the last one is dropped. */
  seeks = 0;
  readonly #pending: Promise<void>[] = [];
  /** While nothing is to be fetched: called when it is again. */
  #wake: () => void = () => undefined;

  seek(offset: number | undefined): void {
    this.next = offset;
    this.seeks += 1;
    this.#wake();
  }

  resume(): void {
    this.#wake();
  }

  /** Until it is resumed, or is to be let go. */
  async whilePaused(closing: AbortSignal): Promise<void> {
    if (closing.aborted) return;
    const resumed = new Promise<void>((resolve) => (this.#wake = resolve));
    const wake = (): void => this.#wake();
    closing.addEventListener('abort', wake, { once: true });
    await resumed;
    closing.removeEventListener('abort', wake);
  }

  /** In the lane's turn, unless it has been set elsewhere by then. */
  add(generation: Generation, lane: Lane, work: () => Promise<void>): void {
    const { epoch } = lane;
    this.#pending.push(
      generation.run(lane, async () => {
        if (!generation.closing.aborted && lane.epoch === epoch) await work();
      }),
    );
  }

  /** Until there is room for another batch. */
  async room(): Promise<void> {
    while (this.#pending.length >= pendingMax) await this.#pending.shift();
  }

  async end(): Promise<void> {
    await Promise.all(this.#pending);
  }
}
