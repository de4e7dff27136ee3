import { type RewindNote, type Route, type WireRecord } from '@tidemark/protocol';

/** A shard of the region's stream. */
export interface Shard {
  readonly shardId: string;
  /** Parents that are still listed: one after a split, two after a merge. */
  readonly parents: readonly string[];
  /** Hash key range, both ends included, decimal. */
  readonly startHash: string;
  readonly endHash: string;
}

/** Where reading starts: the oldest record there is, or after a sequence number. */
export type ShardPosition =
  { readonly type: 'trim-horizon' } | { readonly type: 'after'; readonly sequenceNumber: string };

export interface ShardRecord {
  readonly sequenceNumber: string;
  readonly bytes: Uint8Array;
}

export interface ShardPage {
  /** In order. */
  readonly records: readonly ShardRecord[];
  /** A time before Kinesis looked for the page, ms since the epoch: when it was requested. Of pushed pages, the latest that is known to be so. */
  readonly askedAt: number;
  /** How far the page ends behind the newest record of the shard, ms; `null`: it cannot be told, so nothing may be claimed. */
  readonly millisBehindLatest: number | null;
  /** The shard is closed and this page is its last. */
  readonly closed: boolean;
  /** Records before this page may be missing: the position asked for is trimmed or of another stream, or the shard itself is gone. */
  readonly gap: boolean;
}

export interface StreamDescription {
  /** Names this very stream: one that was deleted and made again under the same name has another. */
  readonly streamId: string;
  /** How long a record stays in the stream, ms. */
  readonly retentionMs: number;
}

/** Reads shards. Errors are `TidemarkError`s; throttling and lost connections are retriable. */
export interface ShardReader {
  /** Fails with `STREAM_MISSING`, or with `INVALID_CONFIGURATION` when the stream does not keep a key's records in one shard. */
  describe(signal: AbortSignal): Promise<StreamDescription>;
  /** Every shard of the stream, closed ones that still hold records included. */
  listShards(signal: AbortSignal): Promise<readonly Shard[]>;
  open(shardId: string, position: ShardPosition): ShardCursor;
}

export interface ShardCursor {
  /** Resolves when the next page may be asked for, by the stream's limits, or has begun to arrive, or early when `signal` is aborted. Fails as `read` does. Left out by a cursor that waits in `read`. */
  ready?(signal: AbortSignal): Promise<void>;
  /** No page is larger, bytes. Default 2 MiB. */
  readonly pageBytesMax?: number;
  /** The next page, perhaps empty; paces itself to the stream's limits. After a failure the same page is read again. */
  read(signal: AbortSignal): Promise<ShardPage>;
  /** Since when the stream owes an answer, monotonic ms; `null`: it owes none, the cursor is pacing itself or nobody reads. */
  readonly askedSinceMs: number | null;
  /** Lets go of what it holds open; nothing is read any more. Left out by a cursor that holds nothing. */
  close?(): void;
}

/** A checkpoint: everything up to it is acknowledged by Kafka. `SHARD_END`: the whole shard. */
export type Checkpoint = 'TRIM_HORIZON' | 'SHARD_END' | (string & {});

/** One row of the lease table, KCL's item. */
export interface ShardLease {
  readonly shardId: string;
  /** The stream whose shard it is, and for which topics it is read. A stream that was made anew uses the shard ids of the one before; `''`: nobody has said. */
  readonly streamId: string;
  /** `null`: free. */
  readonly owner: string | null;
  /** Grows with each write of the row; every write is conditional on it. */
  readonly counter: number;
  readonly checkpoint: Checkpoint;
  /** The checkpoint as a worker wrote it last; another one means that somebody has reset `checkpoint`. `null`: no worker has. */
  readonly writtenCheckpoint: Checkpoint | null;
  readonly ownerSwitches: number;
  /** Who still reads the shard, though `owner` is to have it: whoever had the lease when `owner` asked for it. Absent: nobody is asked to hand it over. */
  readonly checkpointOwner?: string | undefined;
  readonly parents: readonly string[];
  /** Shards that follow it, written with the end mark. Absent: none is known. */
  readonly children?: readonly string[] | undefined;
  readonly startHash: string;
  readonly endHash: string;
  /** All that the stream accepted in this shard before this time (ms since the epoch) is acknowledged by Kafka; `null`: nothing is known. */
  readonly readUpTo: number | null;
  /** Tables of which changes before `checkpoint` were left out, because their topic takes nothing: each is owed a flush. Absent: none. */
  readonly owes?: readonly string[] | undefined;
  /** For how long the stream kept records when the owner last wrote the row, ms. Absent: nobody has said. */
  readonly retentionMs?: number | undefined;
  /** Why the row cannot be read: nothing else of it but the shard id is known then. Absent: it can. */
  readonly problem?: string;
}

/**
 * Writes return the row as it stands after them (`lease-row.ts` says what each makes of it), or `undefined` when the condition failed: the
 * lease is somebody else's now.
 */
export interface LeaseStore {
  /** A strong read of every row. */
  list(signal: AbortSignal): Promise<readonly ShardLease[]>;
  /** `false`: the row was there already. */
  create(lease: ShardLease, signal: AbortSignal): Promise<boolean>;
  /**
   * Owner and counter as in `lease`, and nobody asks for it; counter + 1; `readUpTo` never goes back behind what `lease` claims: one in the row that is not in `lease` was
   * a wrong clock's, and is replaced. This and `checkpoint` also write what `lease` says that it owes. Where another worker asks for the lease, these and `release` write nothing and resolve to the row as it stands, with `checkpointOwner`.
   */
  renew(lease: ShardLease, readUpTo: number | null, signal: AbortSignal): Promise<ShardLease | undefined>;
  checkpoint(
    lease: ShardLease,
    checkpoint: Checkpoint,
    readUpTo: number | null,
    signal: AbortSignal,
  ): Promise<ShardLease | undefined>;
  /** Counter as in `lease`, whoever owns it, asked or not; owner = `owner`, counter + 1, one switch more. */
  take(lease: ShardLease, owner: string, signal: AbortSignal): Promise<ShardLease | undefined>;
  /** Owner and counter as in `lease`, and nobody asks for it yet: `owner` is to have it, and whoever owns it is to hand it over. The counter stays, for whoever asks does not keep the row alive. */
  ask(lease: ShardLease, owner: string, signal: AbortSignal): Promise<ShardLease | undefined>;
  /** Counter and `checkpointOwner` as in `lease`: the last checkpoint of whoever was asked, who has nothing on its way any more; counter + 1. */
  handOver(
    lease: ShardLease,
    checkpoint: Checkpoint,
    readUpTo: number | null,
    signal: AbortSignal,
  ): Promise<ShardLease | undefined>;
  /** Gives the lease up: no owner, counter + 1. */
  release(lease: ShardLease, signal: AbortSignal): Promise<ShardLease | undefined>;
  /** Puts a row in the place of one of another stream; counter as in `lease`, whoever owns it. `false`: it is another row now, or there is none. */
  replace(lease: ShardLease, next: ShardLease, signal: AbortSignal): Promise<boolean>;
  /** Removes a row; counter and checkpoint as in `lease`, whoever owns it. `false`: it is another row now, or there is none. */
  remove(lease: ShardLease, signal: AbortSignal): Promise<boolean>;
}

/** What carries a table's changes into the stream, as AWS tells it: it tells no time of any change. */
export interface TableDestination {
  /** AWS's word (`ACTIVE`, `DISABLED`, …), or `NONE`: nothing carries them into this stream, or `TABLE_MISSING`. */
  readonly status: string;
  /** AWS's text for people, if any. */
  readonly description: string | null;
  readonly precision: string | null;
}

/** Looks at the streaming destination of a table. */
export interface DestinationReader {
  read(table: string, signal: AbortSignal): Promise<TableDestination>;
}

/** A look at a destination, as it is remembered over restarts and handed from one worker to the next. */
export interface DestinationLook extends TableDestination {
  /** A time before AWS was asked, ms since the epoch. */
  readonly lookedAt: number;
}

/** The last look at each table's destination. */
export interface DestinationStore {
  /** A strong read; `undefined`: nothing is remembered. */
  get(table: string, signal: AbortSignal): Promise<DestinationLook | undefined>;
  /** Remembers a look, unless a later one stands there. */
  put(table: string, look: DestinationLook, signal: AbortSignal): Promise<void>;
}

/** A record on its way to one partition. */
export interface OutgoingRecord {
  readonly partition: number;
  readonly record: WireRecord;
}

/** Kafka as the pipeline writes it. */
export interface EventSink {
  /** Partition count; creates the topic where the sink is allowed to. Fails with `TOPIC_MISSING`. */
  partitionsOf(topic: string, signal: AbortSignal): Promise<number>;
  /** Topics whose name starts with `prefix`. */
  listTopics(prefix: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Resolves when all are acknowledged (acks from all in-sync replicas); the order per partition is the order given, also across calls:
   * one send is in flight per partition. Retries lost connections within its own bound, then fails with `PUBLISH_FAILED`: any part may have been written.
   */
  send(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void>;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A record of a table topic. */
export interface SourceRecord extends WireRecord {
  /** Its own offset there, whatever its writer has put into that place. */
  readonly src: number;
}

export interface SourceBatch extends TopicPartition {
  readonly records: readonly SourceRecord[];
  /** Offset of the first record and of the one after the last. */
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  /** Records that stood before it were lost before anybody could read them: the topic's retention, or a topic made anew. */
  readonly afterGap?: boolean;
  /** The group has no offset of the partition: what was handled before, and of which topic of this name, nobody knows. */
  readonly uncharted?: boolean;
  /** The last rewind of the partition; absent: it has had none. */
  readonly rewind?: RewindNote;
}

/** A demand to hand a partition over again. */
export interface Rewind {
  /** Names it, and is higher than that of any before it. */
  readonly id: number;
  /** From the first record on that is dated then or later, ms since the epoch. */
  readonly to: number;
}

/** `rewound`: by this call; `done`: it was before; `gone`: the partition is not this member's, or is being given away. */
export type RewindOutcome = 'rewound' | 'done' | 'gone';

/** A consumer group over table topics. */
export interface EventSource {
  /** Why nothing is consumed at present, where it can tell; `undefined`: the group is joined and the brokers answer, or there is nothing to consume. */
  readonly problem?: string | undefined;
  /** Topics of which the brokers do not hand over what is there, where it can tell; the others go on. */
  readonly refused?: ReadonlySet<string>;
  /**
   * Resolves to whether this member still has every partition that it was last given, as the brokers say when asked after the call; `false` also when they are
   * being given anew. Tries until it is known or `signal` is aborted, which is `false`. Left out by a source whose partitions nobody else can have.
   */
  confirm?(signal: AbortSignal): Promise<boolean>;
  /** Joins the group. Calls of one partition never overlap; partitions do. */
  start(handler: EventSourceHandler): Promise<void>;
  /** Replaces the topics consumed; committed offsets of the others stay. */
  subscribe(topics: readonly string[]): Promise<void>;
  /** What is held of `places` is handed over again from its first record that is not committed; no assignment comes with it. */
  release(places: readonly TopicPartition[]): void;
  /**
   * Goes back in one partition, between two batches, by one commit of offset and note; with a note of this rewind, or of a later one, it does nothing.
   * It never goes beyond what was handled once; a partition without an offset of the group begins at its start anyway. Rejects, and nothing is
   * changed that will not be done again, where the brokers do not answer. Left out by a source that keeps no notes.
   */
  rewind?(place: TopicPartition, rewind: Rewind, signal: AbortSignal): Promise<RewindOutcome>;
  /** Waits for the batches in hand, commits them, leaves the group. */
  stop(): Promise<void>;
}

/** What became of a batch; `commitTo`: the first offset of it that is not done. */
export type BatchOutcome = 'commit' | 'hold' | { readonly commitTo: bigint };

export interface EventSourceHandler {
  /** The partitions this member owns from now on; no batch is handed over before the returned promise resolves. */
  onAssigned(partitions: readonly TopicPartition[]): Promise<void>;
  /**
   * `commit`: done, commit its end. `hold`: leave it uncommitted and hand over nothing more of this partition until it is released or assigned anew.
   * Where `closing` is aborted, the partition is to be let go: done up to `commitTo` is enough. Where `signal` is aborted, it is gone.
   */
  onBatch(batch: SourceBatch, signal: AbortSignal, closing?: AbortSignal): Promise<BatchOutcome>;
}

/** The routing table as its readers see it. */
export interface RouteStore {
  /** Why no route would come at present, where it can tell; `undefined`: the brokers answer, or it is not open. */
  readonly problem?: string | undefined;
  /**
   * Reads the routing topic to its end, then follows it: every route in order through `onRoute`. `onReset`: the topic was made anew, or has lost
   * its end; what it holds now comes again, from its first record on.
   */
  open(onRoute: (route: Route) => void, onReset?: () => void): Promise<void>;
  /** Resolves once everything written before the call has been handed over. */
  barrier(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
