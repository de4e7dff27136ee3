/**
 * What a pod knows of one partition of one table.
 *
 * The generation is the flush fence: whatever began under an older generation, or before the partition was first followed, installs
 * nothing, because the events it should have been fenced by may never come.
 */
export class PartitionState {
  #generation = 0;
  /** Topic whose watermarks count; `undefined` until the first watermark: nothing may be installed before it. */
  followed: string | undefined;
  /** Ms since the epoch; every change that the stream accepted before it is applied here. Never goes back. */
  watermark = 0;
  /** Highest offset of the table topic that was processed from the followed topic; -1: none. */
  progress = -1;
  /** `since` of each topic of the table, as last announced there. */
  readonly since = new Map<string, number>();

  get generation(): number {
    return this.#generation;
  }

  /** Whether entries of this partition may be installed. */
  get open(): boolean {
    return this.followed !== undefined;
  }

  raiseGeneration(): void {
    this.#generation += 1;
  }
}
