import { hasDone, noteAt, type RewindNote, rewound, type RewindStart, type WireRecord } from '@tidemark/protocol';

import {
  type BatchOutcome,
  type EventSource,
  type EventSourceHandler,
  type Rewind,
  type RewindOutcome,
  type SourceBatch,
  type TopicPartition,
} from '../ports.js';

interface FakeLog {
  readonly records: WireRecord[];
  /** When each was appended. */
  readonly times: number[];
  /** Offset of the first record that is still there. */
  start: number;
  /** The group's; `undefined` before the first commit. */
  committed: number | undefined;
  note: RewindNote | undefined;
}

/** Table topics and the group's committed offsets in memory, shared by all members of the group. */
export class FakeTableTopics {
  readonly #topics = new Map<string, FakeLog[]>();
  readonly #members = new Set<() => void>();
  readonly #now: () => number;

  /** `now` dates what is appended. */
  constructor(now: () => number = () => 0) {
    this.#now = now;
  }

  createTopic(topic: string, partitions: number): void {
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, () => {
        return { records: [], times: [], start: 0, committed: undefined, note: undefined };
      }),
    );
  }

  append(topic: string, partition: number, ...records: readonly WireRecord[]): void {
    const log = this.log({ topic, partition });
    log.records.push(...records);
    log.times.push(...records.map(() => this.#now()));
    for (const wake of this.#members) wake();
  }

  /** Drops everything before `offset`, as retention does. */
  trim(topic: string, partition: number, offset: number): void {
    this.log({ topic, partition }).start = offset;
  }

  /** Offset that the group goes on from; 0 before its first commit. */
  committed(topic: string, partition: number): number {
    return this.log({ topic, partition }).committed ?? 0;
  }

  /** The first record that is still there and not older than `sinceMs`. */
  firstSince(place: TopicPartition, sinceMs: number): RewindStart {
    const { records, times, start } = this.log(place);
    const found = times.findIndex((time, offset) => offset >= start && time >= sinceMs);
    const offset = found < 0 ? records.length : found;
    return { offset: BigInt(offset), lost: offset === start && start > 0 };
  }

  partitionsOf(topic: string): readonly TopicPartition[] {
    return (this.#topics.get(topic) ?? []).map((_, partition) => ({ topic, partition }));
  }

  log({ topic, partition }: TopicPartition): FakeLog {
    const log = this.#topics.get(topic)?.[partition];
    if (log === undefined) throw new Error(`no partition ${topic}:${partition}`);
    return log;
  }

  /** Calls `wake` after each append. */
  follow(wake: () => void): void {
    this.#members.add(wake);
  }
}

interface Lane extends TopicPartition {
  position: number;
  held: boolean;
  work: Promise<void> | undefined;
  /** To be done before its next batch. */
  readonly between: (() => void)[];
}

interface Generation {
  readonly aborter: AbortController;
  readonly lanes: readonly Lane[];
  /** Batches are handed over. */
  open: boolean;
}

/** One member of the group. It gets every partition of its topics, unless `share` leaves it fewer; a rebalance is a call away. */
export class FakeEventSource implements EventSource {
  /** Topics of each `subscribe` that changed anything. */
  readonly subscriptions: (readonly string[])[] = [];
  /** Partitions that were held and released. */
  readonly releases: TopicPartition[] = [];
  /** What the handler threw; its partition is held then. */
  readonly errors: unknown[] = [];
  /** Which of its topics' partitions the member gets. */
  share: (place: TopicPartition) => boolean = () => true;
  /** While set, a batch that was handled is not committed: the member dies in between. */
  losesCommits = false;
  problem: string | undefined;
  /** Says of a partition without a committed offset that it has none. */
  tellsUncharted = false;
  /** What the brokers answer when they are asked whether the member still has its partitions. */
  confirms: () => boolean | Promise<boolean> = () => true;
  readonly #topics: FakeTableTopics;
  readonly #batchRecordsMax: number;
  #handler: EventSourceHandler | undefined;
  #subscribed: readonly string[] = [];
  #generation: Generation | undefined;
  #stopped = false;

  constructor(topics: FakeTableTopics, options: { readonly batchRecordsMax?: number } = {}) {
    this.#topics = topics;
    this.#batchRecordsMax = options.batchRecordsMax ?? 100;
    topics.follow(() => this.#pump());
  }

  async start(handler: EventSourceHandler): Promise<void> {
    this.#handler = handler;
    if (this.#subscribed.length > 0) await this.rebalance();
  }

  async confirm(): Promise<boolean> {
    return this.confirms();
  }

  /** Lets the batches in hand end first. The same topics as before change nothing, as with a real group. */
  async subscribe(topics: readonly string[]): Promise<void> {
    if (topics.join() === this.#subscribed.join()) return;
    this.#subscribed = topics;
    this.subscriptions.push(topics);
    if (this.#handler !== undefined) await this.#rejoin();
  }

  release(places: readonly TopicPartition[]): void {
    for (const { topic, partition } of places) {
      const lane = this.#generation?.lanes.find((one) => one.topic === topic && one.partition === partition);
      if (lane?.held !== true) continue;
      lane.held = false;
      this.releases.push({ topic, partition });
    }
    this.#pump();
  }

  async rewind(place: TopicPartition, rewind: Rewind): Promise<RewindOutcome> {
    const generation = this.#generation;
    const lane = generation?.lanes.find((one) => one.topic === place.topic && one.partition === place.partition);
    if (generation === undefined || lane === undefined) return 'gone';
    return new Promise((resolve) => {
      lane.between.push(() => resolve(this.#rewindNow(generation, lane, rewind)));
      if (lane.work === undefined && generation.open) this.#settleBetween(lane);
    });
  }

  #rewindNow(generation: Generation, lane: Lane, { id, to }: Rewind): RewindOutcome {
    if (generation !== this.#generation || generation.aborter.signal.aborted || this.#stopped || this.losesCommits)
      return 'gone';
    const log = this.#topics.log(lane);
    if (hasDone(log.note, id)) return 'done';
    const { offset, note } = rewound(BigInt(lane.position), log.note, id, this.#topics.firstSince(lane, to));
    lane.position = Number(offset);
    log.committed = lane.position;
    log.note = note;
    this.#pump();
    return 'rewound';
  }

  #settleBetween(lane: Lane): void {
    for (const act of lane.between.splice(0)) act();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#idle();
  }

  /** A new generation: what is in hand is aborted, and partitions begin at their committed offsets. */
  async rebalance(): Promise<void> {
    this.#generation?.aborter.abort(new Error('the group rebalances'));
    await this.#rejoin();
  }

  async #rejoin(): Promise<void> {
    if (this.#generation !== undefined) this.#generation.open = false;
    await this.#idle();
    if (this.#stopped) return;
    const places = this.#subscribed.flatMap((topic) => this.#topics.partitionsOf(topic)).filter(this.share);
    const lanes = places.map((place) => ({ ...place, position: -1, held: false, work: undefined, between: [] }));
    const generation: Generation = { aborter: new AbortController(), lanes, open: false };
    const before = this.#generation;
    this.#generation = generation;
    for (const lane of before?.lanes ?? []) this.#settleBetween(lane);
    await this.#handler?.onAssigned(places);
    for (const lane of lanes) lane.position = this.#topics.committed(lane.topic, lane.partition);
    generation.open = true;
    for (const lane of lanes) this.#settleBetween(lane);
    this.#pump();
  }

  /** Whether every record of the partitions it has, and does not hold, is handled. */
  get drained(): boolean {
    const lanes = this.#generation?.lanes ?? [];
    return lanes.every((lane) => lane.held || (lane.work === undefined && !this.#hasMore(lane)));
  }

  /** Partitions held in this generation. */
  get held(): readonly TopicPartition[] {
    return (this.#generation?.lanes ?? []).filter(({ held }) => held);
  }

  async #idle(): Promise<void> {
    await Promise.all((this.#generation?.lanes ?? []).flatMap(({ work }) => work ?? []));
  }

  #pump(): void {
    const generation = this.#generation;
    if (generation === undefined || !generation.open || this.#stopped) return;
    for (const lane of generation.lanes) {
      if (lane.work === undefined && this.#hasMore(lane)) {
        lane.work = this.#run(generation, lane).finally(() => {
          lane.work = undefined;
          this.#settleBetween(lane);
          this.#pump();
        });
      }
    }
  }

  async #run(generation: Generation, lane: Lane): Promise<void> {
    while (this.#hasMore(lane) && generation.open && !generation.aborter.signal.aborted && !this.#stopped) {
      const batch = this.#batch(lane);
      const answer = await this.#handle(batch, generation.aborter.signal);
      if (answer === 'hold') lane.held = true;
      else if (generation === this.#generation && !generation.aborter.signal.aborted && !this.losesCommits) {
        lane.position = Number(answer === 'commit' ? batch.nextOffset : answer.commitTo);
        this.#commit(lane);
        this.#settleBetween(lane);
      } else lane.held = true;
    }
  }

  #commit(lane: Lane): void {
    const log = this.#topics.log(lane);
    log.committed = lane.position;
    if (log.note !== undefined) log.note = { ...noteAt(log.note, BigInt(lane.position)), lost: false };
  }

  async #handle(batch: SourceBatch, signal: AbortSignal): Promise<BatchOutcome> {
    try {
      return (await this.#handler?.onBatch(batch, signal)) ?? 'hold';
    } catch (error) {
      this.errors.push(error);
      return 'hold';
    }
  }

  #batch({ topic, partition, position }: Lane): SourceBatch {
    const { records, start, note } = this.#topics.log({ topic, partition });
    const first = Math.max(position, start);
    const taken = records.slice(first, first + this.#batchRecordsMax);
    return {
      topic,
      partition,
      records: taken.map((record, index) => ({ ...record, src: first + index })),
      firstOffset: BigInt(first),
      nextOffset: BigInt(first + taken.length),
      afterGap: first > position || note?.lost === true,
      ...(note === undefined ? {} : { rewind: note }),
      ...(this.tellsUncharted ? { uncharted: this.#topics.log({ topic, partition }).committed === undefined } : {}),
    };
  }

  #hasMore(lane: Lane): boolean {
    return !lane.held && lane.position >= 0 && lane.position < this.#topics.log(lane).records.length;
  }
}
