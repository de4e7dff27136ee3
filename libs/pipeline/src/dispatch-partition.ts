import { type WireRecord } from '@tidemark/protocol';

import { type PassedWatermark, watermarkRecord } from './dispatch-plan.js';

/**
 * One partition of a table topic, from its assignment to the next. It begins knowing nothing: another member may have dispatched in between,
 * under another route, so every target is told its `since` anew.
 */
export class DispatchPartition {
  readonly table: string;
  readonly partition: number;
  /** The last batch ended before where the partition stood when it was rewound. */
  replaying = false;
  #revoked = false;
  #passed: PassedWatermark | undefined;
  readonly #announced = new Map<string, number>();
  /** When a topic last acknowledged a watermark that was passed on, monotonic, ms. */
  readonly #passedMs = new Map<string, number>();
  readonly #due = new Set<string>();
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor(table: string, partition: number) {
    this.table = table;
    this.partition = partition;
  }

  /** It is assigned anew, here or elsewhere: what is at work on it must end. */
  get revoked(): boolean {
    return this.#revoked;
  }

  revoke(): void {
    this.#revoked = true;
  }

  /** The highest watermark that every target has acknowledged. */
  get passed(): PassedWatermark | undefined {
    return this.#passed;
  }

  pass(watermark: PassedWatermark | undefined): void {
    if (watermark !== undefined && watermark.at >= (this.#passed?.at ?? 0)) this.#passed = watermark;
  }

  /** Whether a send into `topic` is under way. */
  busy(topic: string): boolean {
    return this.#tails.has(topic);
  }

  /** Runs `send` once the sends into `topic` before it have ended: one is under way at a time. */
  async exclusively<T>(topic: string, send: () => Promise<T>): Promise<T> {
    const sent = (this.#tails.get(topic) ?? Promise.resolve()).then(send);
    const tail = sent
      .catch(() => undefined)
      .finally(() => {
        if (this.#tails.get(topic) === tail) this.#tails.delete(topic);
      });
    this.#tails.set(topic, tail);
    return sent;
  }

  /** The next send into `topic` carries an announcement, whether or not it needs one. */
  announceSoon(topic: string): void {
    this.#due.add(topic);
  }

  /** What the next send into `topic` must begin with: an announcement that is due, or that the topic has not acknowledged yet. */
  takeAnnouncement(topic: string, since: number): WireRecord | undefined {
    const due = this.#due.delete(topic);
    return due || this.#announced.get(topic) !== since ? this.announcement(since) : undefined;
  }

  /** Says since when the topic has carried the table, with the highest watermark that has been passed: 0 claims nothing, and pods join by max. */
  announcement(since: number): WireRecord {
    return watermarkRecord(this.table, this.#passed ?? { at: 0, streamId: 'none' }, since);
  }

  /** The topic has acknowledged one, or records that stand behind one. */
  announced(topic: string, since: number): void {
    this.#announced.set(topic, since);
  }

  /** The topic has acknowledged a watermark that was passed on, which said its `since`. */
  passedInto(topic: string, nowMs: number): void {
    this.#passedMs.set(topic, nowMs);
  }

  /** Whether a watermark with `since` was passed into the topic after `sinceMs`: an announcement would say the same. */
  hasPassed(topic: string, since: number, sinceMs: number): boolean {
    return this.#announced.get(topic) === since && (this.#passedMs.get(topic) ?? -Infinity) > sinceMs;
  }
}
