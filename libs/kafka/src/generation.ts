import { type SourceBatch, type TopicPartition } from '@tidemark/pipeline';
import { noteAt, type RewindNote, type Rewound } from '@tidemark/protocol';
import { type FetchPlace } from './fetch-places.js';
import { type LeaderEpoch } from './positions.js';

/** What kafkajs commits when the committed offset has left the log, before it reads on from the log's start. */
const earliest = -2n;

/** One assigned partition. */
export class Lane implements TopicPartition {
  /** Next offset to hand over; `undefined` until it is known. */
  next: bigint | undefined;
  /** The offset that came next was not in the log, so reading began at the log's start; until something is committed behind that. */
  reset = false;
  /** The group has never committed an offset of the partition, or the offset is gone, or could not be read. */
  uncharted = true;
  /** What the group has committed of the partition was read. */
  isRead = false;
  /** The group has an offset of the partition, as far as this member knows. */
  hasCommit = false;
  /** The last rewind, as every commit says it; `undefined`: none is known. */
  note: RewindNote | undefined;
  /** Which log is read, and how far in the time of which leader; `undefined`: it is not to be fetched yet. */
  log: FetchPlace | undefined;
  /** Nothing is handed over until it is released: where it goes on then. */
  heldAt: bigint | undefined;
  /** Counts holds, rewinds and resets: what was fetched before the last one is dropped. */
  epoch = 0;
  /** Batches at work, or waiting for their turn. */
  pending = 0;
  /** Nothing is fetched until room for a batch is called out. */
  starved = false;
  /** Has the paused partition fetched again; `undefined`: it is not paused. */
  resumeFetch: (() => void) | undefined;

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  get held(): boolean {
    return this.heldAt !== undefined;
  }

  /** Records before the next one are lost, as far as is known before it is fetched. */
  get lost(): boolean {
    return this.reset || this.note?.lost === true;
  }

  /** What a batch says of its partition. */
  get known(): Pick<SourceBatch, 'uncharted' | 'rewind'> {
    const { uncharted, note } = this;
    return note === undefined ? { uncharted } : { uncharted, rewind: note };
  }

  /**
   * Goes on after what is `committed` (negative: nothing), or after what the same member has handled `before` without having it committed: but
   * that only if it knew of the rewind that is noted there, for another one may have set the partition back. An offset that is gone went with its
   * topic: what was handled was of another log. Nor does it count after a time in which the group had given the member up (`handledAsMember` is `false`):
   * the next owner may by then have told pods that another topic has everything, and what was handled behind its back did not go there. A reset that was met already outweighs all of that; one that was met before, and that no batch told
   * of yet, is told with the next.
   */
  resume(
    committed: bigint,
    note?: RewindNote,
    before?: Pick<Lane, 'next' | 'note' | 'hasCommit' | 'reset'>,
    handledAsMember = true,
  ): void {
    this.isRead = true;
    this.note = note;
    this.uncharted = false;
    if (this.reset) return this.pass(undefined);
    this.reset = committed === earliest;
    if (this.reset) return;
    this.reset = before?.reset === true;
    const known = committed >= 0n ? committed : undefined;
    this.hasCommit = known !== undefined;
    const handled = before === undefined || !handledAsMember || !this.#isAfter(before) ? undefined : before.next;
    this.next = handled !== undefined && (known === undefined || handled > known) ? handled : known;
    this.uncharted = this.next === undefined;
  }

  /** Whether what was handled `before` counts: of this log, and not set back since. */
  #isAfter({ note, hasCommit }: Pick<Lane, 'note' | 'hasCommit'>): boolean {
    return note?.id === this.note?.id && (this.hasCommit || !hasCommit);
  }

  /** What is noted of a rewind once all before `offset` is through, the last `records` of it just now; `undefined`: the log is another one. */
  pass(offset: bigint | undefined, records = 0): void {
    const { note } = this;
    if (note === undefined) return;
    const after = offset === undefined ? { ...note, until: 0n } : noteAt(note, offset);
    this.note = { ...after, lost: note.lost && records === 0 };
  }

  /** The log has not got what comes next, and is read from its start: its records are others, also at offsets that were handled. */
  restart(): void {
    this.reset = true;
    this.next = undefined;
    if (this.log !== undefined) this.log = { ...this.log, leaderEpoch: undefined };
    if (this.held) this.heldAt = 0n;
    this.pass(undefined);
    this.epoch += 1;
  }

  /** A batch was fetched whose last record a leader of that epoch wrote. */
  noteLeader(leaderEpoch: LeaderEpoch): void {
    if (this.log !== undefined && this.log.leaderEpoch !== leaderEpoch) this.log = { ...this.log, leaderEpoch };
  }

  /** Goes on where a rewind has set it; what was fetched before is dropped. */
  goBack({ offset, note }: Rewound): void {
    this.next = offset;
    this.note = note;
    this.epoch += 1;
    if (this.held) this.heldAt = offset;
  }
}

/**
 * What one join of the group gave this member, until the next.
 *
 * Handlers of one partition run one after another, also across generations: a new one hands over nothing before every handler of the old one
 * has ended.
 */
export class Generation {
  readonly #lanes = new Map<string, Lane>();
  readonly #aborter = new AbortController();
  readonly #closer = new AbortController();
  readonly #tails = new Map<string, Promise<unknown>>();
  /** Resolves when batches may be handed over. Never rejects. */
  ready: Promise<void> = Promise.resolve();

  constructor(
    assignment: Readonly<Record<string, readonly number[]>>,
    /** The group's name for this member; another one than before where the group had given it up meanwhile. */
    readonly memberId = '',
  ) {
    for (const [topic, partitions] of Object.entries(assignment))
      for (const partition of partitions) this.#lanes.set(id(topic, partition), new Lane(topic, partition));
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  get over(): boolean {
    return this.#aborter.signal.aborted;
  }

  /** Aborted once nothing new may begin: what is at work ends at the next place that suits it. */
  get closing(): AbortSignal {
    return this.#closer.signal;
  }

  /** Partitions with handlers at work, or waiting to. */
  get busy(): number {
    return this.#tails.size;
  }

  partitions(): TopicPartition[] {
    return [...this.#lanes.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  lane(topic: string, partition: number): Lane | undefined {
    return this.#lanes.get(id(topic, partition));
  }

  /** Runs `work` after whatever runs for the lane's partition. */
  run<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    const key = id(lane.topic, lane.partition);
    const done = (this.#tails.get(key) ?? Promise.resolve()).then(work, work);
    this.#tails.set(key, done);
    const forget = (): void => {
      if (this.#tails.get(key) === done) this.#tails.delete(key);
    };
    done.then(forget, forget);
    return done;
  }

  /** Resolves when nothing is at work. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.allSettled(this.#tails.values());
  }

  close(reason: unknown): void {
    this.#closer.abort(reason);
  }

  abort(reason: unknown): void {
    this.#closer.abort(reason);
    this.#aborter.abort(reason);
  }
}

function id(topic: string, partition: number): string {
  return `${topic}|${partition}`;
}
