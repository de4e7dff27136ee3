import { type Clock } from '@tidemark/runtime';
import { type PartitionStore } from './broker-store.js';
import { compacted } from './compaction.js';
import { type KafkaErrorName } from './error-codes.js';
import { LeaderEpochs } from './leader-epochs.js';
import { PartitionLog } from './partition-log.js';
import { ProducerSequences } from './producer-sequences.js';
import { emptyBatch, headerOf, placeBatch, problemWith, recordsOf, stampBatch } from './record-batch.js';
import { type TopicPolicy } from './topic-config.js';

export type AppendOutcome =
  | {
      readonly appended: true;
      readonly baseOffset: bigint;
      /** -1 where producers stamp. */ readonly appendTimeMs: number;
    }
  | { readonly appended: false; readonly error: KafkaErrorName };

export type FetchOutcome =
  | { readonly readable: true; readonly batches: readonly Buffer[]; readonly bytes: number }
  | {
      readonly readable: false;
      readonly error?: KafkaErrorName;
      /** The log is not the one that was read up to there: what it has in common with it ends here, or before. */
      readonly diverging?: { readonly epoch: number; readonly end: bigint };
    };

/** Dead bytes of a partition's file that are tolerated, above as many as are alive. */
const deadBytesMin = 1_048_576;

/**
 * One partition: its log, what is known of its idempotent producers, its place on disk, and who waits for it to change. A batch is on disk
 * before it can be read. Every change wakes the waiters of this partition and no others.
 */
export class Partition {
  readonly #log = new PartitionLog();
  readonly #sequences = new ProducerSequences();
  readonly #store: PartitionStore;
  readonly #clock: Clock;
  readonly #waiters = new Set<() => void>();
  /** Nobody may write. */
  isForbidden = false;
  #policy: TopicPolicy;
  #hasLeader = true;
  /** Nothing can be read. */
  #isUnreadable = false;
  readonly #epochs = new LeaderEpochs();

  constructor(store: PartitionStore, policy: TopicPolicy, clock: Clock) {
    this.#store = store;
    this.#policy = policy;
    this.#clock = clock;
    const { batches, start, end } = store.load();
    for (const batch of batches) {
      const header = headerOf(batch);
      this.#epochs.begin(header.leaderEpoch, header.baseOffset);
      this.#log.append(batch);
      this.#sequences.record(header);
    }
    this.#log.restore(start, end);
    this.#epochs.begin(this.#epochs.current + 1, this.#log.end);
    this.#keepWithinSize();
  }

  get start(): bigint {
    return this.#log.start;
  }

  get end(): bigint {
    return this.#log.end;
  }

  get bytes(): number {
    return this.#log.bytes;
  }

  get waiters(): number {
    return this.#waiters.size;
  }

  get hasLeader(): boolean {
    return this.#hasLeader;
  }

  /** Readers who wait are answered. */
  set isUnreadable(isUnreadable: boolean) {
    this.#isUnreadable = isUnreadable;
    this.#wake();
  }

  set policy(policy: TopicPolicy) {
    this.#policy = policy;
    this.#keepWithinSize();
  }

  append(records: Buffer): AppendOutcome {
    const refuse = (error: KafkaErrorName): AppendOutcome => ({ appended: false, error });
    if (this.isForbidden) return refuse('TOPIC_AUTHORIZATION_FAILED');
    if (!this.#hasLeader) return refuse('NOT_LEADER_FOR_PARTITION');
    if (records.length > this.#policy.messageBytesMax) return refuse('MESSAGE_TOO_LARGE');
    const problem = problemWith(records) ?? this.#problemWithKeys(records);
    if (problem !== undefined) return refuse(problem);
    const verdict = this.#sequences.check(headerOf(records));
    if (verdict.kind === 'refuse') return refuse(verdict.error);
    if (verdict.kind === 'duplicate') return { appended: true, baseOffset: verdict.baseOffset, appendTimeMs: -1 };
    if (!this.#hasRoomFor(records.length)) return refuse('KAFKA_STORAGE_ERROR');
    return this.#write(Buffer.from(records));
  }

  get leaderEpoch(): number {
    return this.#epochs.current;
  }

  /** What a reader at `offset` gets; see `PartitionLog.read` for the limits. `lastEpoch`: of what it has read last; negative: unknown. */
  fetch(offset: bigint, bytesMax: number, evenIfLarger: boolean, lastEpoch = -1): FetchOutcome {
    if (!this.#hasLeader) return { readable: false, error: 'NOT_LEADER_FOR_PARTITION' };
    if (this.#isUnreadable) return { readable: false, error: 'KAFKA_STORAGE_ERROR' };
    if (lastEpoch >= 0) {
      const common = this.#epochs.endOf(lastEpoch, this.#log.end);
      if (common === undefined || offset < this.#log.start) return { readable: false, error: 'OFFSET_OUT_OF_RANGE' };
      if (common.epoch < lastEpoch || common.end < offset) return { readable: false, diverging: common };
    }
    if (offset < this.#log.start || offset > this.#log.end) return { readable: false, error: 'OFFSET_OUT_OF_RANGE' };
    const batches = this.#log.read(offset, bytesMax, evenIfLarger);
    return { readable: true, batches, bytes: batches.reduce((sum, { length }) => sum + length, 0) };
  }

  firstSince(timestampMs: number): { readonly offset: bigint; readonly timestampMs: number } | undefined {
    return this.#log.firstSince(timestampMs);
  }

  /** Calls `wake` at every change until the returned function is called. */
  onChange(wake: () => void): () => void {
    this.#waiters.add(wake);
    return () => this.#waiters.delete(wake);
  }

  /** Deletes the records before `offset`, at most all. */
  deleteBefore(offset: bigint): void {
    const start = offset > this.#log.end ? this.#log.end : offset;
    if (start <= this.#log.start) return;
    this.#store.bound(start, this.#log.end);
    this.#forgetBefore(start);
    this.#wake();
  }

  /** Deletes the records from `offset` on: data loss, as an unclean leader election brings it. */
  deleteFrom(offset: bigint): void {
    this.#log.deleteFrom(offset < 0n ? 0n : offset);
    this.#epochs.begin(this.#epochs.current + 1, this.#log.end);
    this.#rewrite();
    this.#wake();
  }

  /** Appends a batch that holds no record and takes `offsetCount` offsets. */
  plantEmptyBatch(offsetCount: number): void {
    this.#write(emptyBatch(offsetCount, this.#clock.now()));
  }

  /** Applies retention and, where the topic asks for it, compaction. */
  clean(): void {
    if (this.#policy.deletes) this.#forgetBefore(this.#log.retainedFrom(this.#policy, this.#clock.now()));
    if (this.#policy.compacts) this.compact();
  }

  /** Drops superseded records, whatever the topic's policy. */
  compact(): void {
    const { tombstoneMs } = this.#policy;
    const kept = compacted(this.#log.batches(), { nowMs: this.#clock.now(), tombstoneMs });
    if (kept === undefined) return;
    this.#log.replace(kept);
    this.#rewrite();
  }

  /** Takes the leader away; requests are refused until `electLeader`. */
  loseLeader(): void {
    this.#hasLeader = false;
    this.#wake();
  }

  electLeader(): void {
    this.#hasLeader = true;
    this.#epochs.begin(this.#epochs.current + 1, this.#log.end);
  }

  /** The topic is gone. */
  remove(): void {
    this.#store.remove();
    this.#wake();
  }

  #problemWithKeys(records: Buffer): KafkaErrorName | undefined {
    if (!this.#policy.compacts) return undefined;
    return recordsOf(records)?.some(({ key }) => key === null) === true ? 'INVALID_RECORD' : undefined;
  }

  /** A compacted log gives up no key for room: when compaction cannot make any, the log is full. */
  #hasRoomFor(bytes: number): boolean {
    const limit = this.#policy.retentionBytes;
    if (this.#policy.deletes || this.#log.bytes + bytes <= limit) return true;
    this.compact();
    return this.#log.bytes + bytes <= limit;
  }

  #write(batch: Buffer): AppendOutcome {
    const { stampsAppendTime } = this.#policy;
    const appendTimeMs = this.#clock.now();
    placeBatch(batch, this.#log.end, this.leaderEpoch);
    if (stampsAppendTime) stampBatch(batch, appendTimeMs);
    const baseOffset = this.#log.end;
    try {
      this.#store.append(batch);
    } catch {
      return { appended: false, error: 'KAFKA_STORAGE_ERROR' };
    }
    this.#log.append(batch);
    this.#sequences.record(headerOf(batch));
    this.#keepWithinSize();
    this.#wake();
    return { appended: true, baseOffset, appendTimeMs: stampsAppendTime ? appendTimeMs : -1 };
  }

  /** Old records go in turn, with `clean`; what is too much goes at once. */
  #keepWithinSize(): void {
    const { deletes, retentionBytes } = this.#policy;
    if (deletes) this.#forgetBefore(this.#log.retainedFrom({ retentionBytes, retentionMs: Infinity }, 0));
  }

  #forgetBefore(offset: bigint): void {
    this.#log.deleteBefore(offset);
    if (this.#store.size > 2 * this.#log.bytes + deadBytesMin) this.#rewrite();
  }

  #rewrite(): void {
    const batches = this.#log.batches().map(({ bytes }) => bytes);
    this.#store.rewrite(batches, this.#log.start, this.#log.end);
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }
}
