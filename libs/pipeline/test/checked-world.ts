import { decodeRecord } from '@tidemark/protocol';
import { changeRecordBytes } from '../src/testing/change-record-bytes.js';
import { SyncWorld, type SyncWorldOptions } from '../src/testing/sync-world.js';

/** A change of the table, and what became of it. */
interface Change {
  readonly id: string;
  readonly at: number;
  /** Its number in the stream; `null`: it never got there. */
  readonly sequenceNumber: string | null;
  /** Somebody has moved a checkpoint since, so nobody may read it any more. */
  mayBeSkipped: boolean;
}

/** A time in which the table's changes did not reach the stream, ms since the epoch. */
interface Outage {
  readonly from: number;
  to: number;
}

export const table = 'users';
/** How long records stay, and how much less counts as a gap, ms: short, so that schedules get there. */
export const retentionMs = 20_000;
export const retentionMarginMs = 5_000;
/** Time between two looks at the destination, and how long an outage may go unseen, ms. */
export const destinationEveryMs = 2_000;
export const unseenMs = destinationEveryMs + 5_000;

/**
 * A world with one table topic of one partition that checks each watermark the moment it stands there: every change accepted before it must
 * precede it, or be lost, and then a flush must stand between them.
 */
export class CheckedWorld extends SyncWorld {
  readonly falsehoods: string[] = [];
  /** How old each watermark was when it was appended, ms. */
  readonly lagsMs: number[] = [];
  latest = -Infinity;
  watermarks = 0;
  flushes = 0;
  readonly #changes: Change[] = [];
  readonly #outages: Outage[] = [];
  readonly #produced = new Set<string>();
  /** Changes that were made before the last flush was appended, and when that was. */
  #flushed = 0;
  #flushedAt = -Infinity;

  constructor(options: SyncWorldOptions = {}) {
    super(options);
    this.sink.createTopic(this.names.cdc(table), 1);
    this.sink.onAppend((_topic, _partition, wire) => {
      const decoded = decodeRecord(wire);
      if (decoded.type === 'event') this.#produced.add(decoded.event.to ?? '');
      if (decoded.type !== 'control') return;
      if (decoded.record.control === 'watermark') this.#check(decoded.record.at);
      if (decoded.record.control === 'flush-table') this.#noteFlush();
    });
  }

  put(share: number): void {
    const id = `w${this.#changes.length}`;
    const bytes = changeRecordBytes({ table, key: `k:${id}`, to: id });
    const isCarried = this.destinations.of(table).status === 'ACTIVE';
    const sequenceNumber = isCarried ? this.stream.put(share, bytes).sequenceNumber : null;
    this.#changes.push({ id, at: this.clock.now(), sequenceNumber, mayBeSkipped: false });
  }

  switchOff(): void {
    if (this.destinations.of(table).status !== 'ACTIVE') return;
    this.destinations.set(table, { status: 'DISABLED' });
    this.#outages.push({ from: this.clock.now(), to: Infinity });
  }

  /** Not sooner than a look can tell. */
  async switchOn(): Promise<void> {
    const outage = this.#outages.at(-1);
    if (outage === undefined || outage.to !== Infinity) return;
    await this.clock.advance(Math.max(0, outage.from + unseenMs + 1 - this.clock.now()));
    this.destinations.set(table, { status: 'ACTIVE' });
    outage.to = this.clock.now();
  }

  /** What the stream holds now may be passed over by whoever moves a checkpoint now. */
  skipIsPossible(): void {
    for (const change of this.#changes) if (!this.#produced.has(change.id)) change.mayBeSkipped = true;
  }

  /** Changes that stand in the stream, or did when they could be read, and not in the topic. */
  get missing(): readonly string[] {
    return this.#changes
      .filter((change) => !this.#produced.has(change.id) && !this.#isLost(change))
      .map(({ id }) => id);
  }

  get lost(): number {
    return this.#changes.filter((change) => !this.#produced.has(change.id) && this.#isLost(change)).length;
  }

  #isLost({ sequenceNumber, mayBeSkipped }: Change): boolean {
    return sequenceNumber === null || mayBeSkipped || !this.stream.holds(sequenceNumber);
  }

  #noteFlush(): void {
    this.flushes += 1;
    this.#flushed = this.#changes.length;
    this.#flushedAt = this.clock.now();
  }

  #check(at: number): void {
    this.watermarks += 1;
    this.latest = Math.max(this.latest, at);
    this.lagsMs.push(this.clock.now() - at);
    this.#changes.forEach((change, index) => {
      if (change.at >= at || change.sequenceNumber === null || this.#produced.has(change.id)) return;
      if (!this.#isLost(change)) this.falsehoods.push(`${at} was claimed, ${change.id} of ${change.at} is not there`);
      else if (index >= this.#flushed) this.falsehoods.push(`${at} was claimed, ${change.id} is lost and not flushed`);
    });
    for (const { from, to } of this.#outages)
      if (at > from + unseenMs && this.#flushedAt < to)
        this.falsehoods.push(
          `${at} at ${this.clock.now()}: nothing was flushed since changes were lost from ${from} to ${to}`,
        );
  }
}
