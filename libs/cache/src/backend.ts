import { type ItemImage, type PodReport, type Route, type WireRecord, type WriteId } from '@tidemark/protocol';
import { type Clock, type Logger, type MetricRegistry } from '@tidemark/runtime';

/** What a Tidemark stands on: `aws({ … })` in production, `memory()` in tests. */
export interface Backend {
  /** `aws`, `memory`. */
  readonly name: string;
  /** Region of the replica that is read and written, and whose events are followed. */
  readonly region: string;
  /** Makes the parts for one Tidemark; connects to nothing yet. */
  open(context: BackendContext): BackendParts;
}

export interface BackendContext {
  /** Name of the service, `[a-z0-9-]`; part of the pod's consumer group. */
  readonly service: string;
  /** Random for every start of a pod. */
  readonly podId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

export interface BackendParts {
  readonly store: Store;
  readonly feed: ChangeFeed;
  readonly publisher: EventPublisher;
  readonly pods: PodRegistry;
  /** Closes what the backend itself made, and nothing that was handed to it. */
  close(): Promise<void>;
}

export interface StoreCall {
  /** The answer must be there by then; always set. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadCall extends StoreCall {
  /**
   * Default `strong`: the answer has everything that was acknowledged before the call. `eventual` costs half of that and gives what the replica had at some time
   * before, as a rule less than a second ago; no bound is promised, and a second read may give an older state. It must never fill L1.
   */
  readonly consistency?: Consistency | undefined;
}

export type Consistency = 'strong' | 'eventual';

/**
 * L2: one region's replica of the tables.
 *
 * Every call ends by its time-out. Errors are `TidemarkError`s: `THROTTLED`, `ACCESS_DENIED`, `TABLE_MISSING`, `MALFORMED_ITEM`, `VALUE_TOO_LARGE`,
 * `STORE_UNAVAILABLE`, `TIMEOUT`, `ABORTED`, `INVALID_KEY`, `INVALID_CONFIGURATION`, `CLOSED`. A write that may have been committed although its answer is missing fails with `AMBIGUOUS_WRITE`,
 * and no other code ever stands for such a write: all others mean that nothing was written. No write is sent twice.
 */
export interface Store {
  /** Checks that the table is there and has Tidemark's key. */
  check(table: string, call: StoreCall): Promise<void>;
  /** A read of this replica, strong unless the call says otherwise. */
  read(table: string, itemKey: string, call: ReadCall): Promise<ItemImage | undefined>;
  /** The same of many keys; duplicates are folded. Fails only when nothing could be read. */
  readMany(table: string, itemKeys: readonly string[], call: ReadCall): Promise<ReadManyResult>;
  /** Replaces the whole item. */
  put(table: string, image: ItemImage, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome>;
  /** Removes the item; also sent when nothing seems to be there. */
  delete(table: string, itemKey: string, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome>;
  /**
   * Claims an item that holds no live value, or takes over a claim that has run out. Writes neither a write id nor a value, so its event is
   * a foreign one, which drops. Removes value, codec and the mark of a load, whatever of them was left there.
   */
  acquireLease(table: string, itemKey: string, lease: LeaseClaim, call: StoreCall): Promise<LeaseOutcome>;
  /** Gives a claim up, if it still stands and no value does: removes the item where it had no write id, else the lease alone. */
  releaseLease(table: string, itemKey: string, lease: HeldLease, call: StoreCall): Promise<void>;
  /**
   * Marks an item without changing what Tidemark reads of it: in every region an ordinary foreign write, so that every pod drops the key.
   * `false`: there is no item.
   */
  touch(table: string, itemKey: string, mark: string, call: StoreCall): Promise<boolean>;
  /**
   * Item keys as they were at some time during the call, in no order: they tell what may be read, and nothing of what is there. A key that
   * stays throughout is in one page of one segment. Optional: without it there is no warm-up by `scan`.
   */
  scanKeys?(table: string, scan: KeyScan, call: StoreCall): Promise<KeyPage>;
  /** Keys that one `readMany` should have for now, so that none waits for another's turn; `undefined`: any number. Of a store whose reads are paced. */
  readonly readKeysMax?: number | undefined;
  /** Keys that this pod may read in a second for now; `undefined`: any number. Of a store whose reads are paced. */
  readonly readKeysPerSecond?: number | undefined;
}

/** One page of one segment. Segments share the table's keys out between them. */
export interface KeyScan {
  /** From 0. */
  readonly segment: number;
  readonly segments: number;
  /** Only keys that begin with it. */
  readonly prefix: string;
  /** Items that are looked at, those with other keys included; a page may look at fewer. */
  readonly examineMax: number;
  /** Of the page before; `undefined`: the first. */
  readonly cursor: string | undefined;
}

export interface KeyPage {
  readonly itemKeys: readonly string[];
  /** `undefined`: the segment has no further page. */
  readonly cursor: string | undefined;
}

export interface LeaseClaim {
  /** Random for every attempt. */
  readonly leaseId: string;
  /** Ms since the epoch. */
  readonly nowMs: number;
  /** Ms since the epoch; another may take over from then on. */
  readonly leaseUntil: number;
  /** Seconds since the epoch: an item that holds only a lease ends by itself then. */
  readonly expiresAt: number;
}

export interface HeldLease {
  readonly leaseId: string;
  /** Write id of the item that the lease was written into; `null`: there was none. */
  readonly writeId: string | null;
}

export type LeaseOutcome =
  /** `image`: the item as it stands now. */
  | { readonly type: 'acquired'; readonly image: ItemImage }
  /** `old`: what stands there: a live value, or somebody's live lease. */
  | { readonly type: 'refused'; readonly old: ItemImage | undefined };

export interface ReadManyResult {
  /** Item key → image; a key that was read and is in no item is missing here and not in `unread`. */
  readonly items: ReadonlyMap<string, ItemImage>;
  /** Item keys that could not be read in time, with why. */
  readonly unread: ReadonlyMap<string, Error>;
}

/**
 * What must hold for a write to be made. A value is live unless its `expiresAt` has passed.
 *
 * - `newer`: no write id there, or a lower one.
 * - `replaces`: exactly this (malformed) write id is there: the compare-and-set that gets past what a foreign writer left.
 * - `absent`: `newer`, and no live value.
 * - `matches`: a live value with exactly this write id.
 * - `leased`: exactly this lease, and no value at all.
 */
export type WriteCondition =
  | { readonly type: 'newer'; readonly than: WriteId }
  | { readonly type: 'replaces'; readonly writeId: string }
  | { readonly type: 'absent'; readonly than: WriteId; /** Seconds since the epoch. */ readonly now: number }
  | { readonly type: 'matches'; readonly writeId: string; /** Seconds since the epoch. */ readonly now: number }
  | { readonly type: 'leased'; readonly leaseId: string };

export type WriteOutcome =
  /** `old`: the item just before, `undefined` when there was none. */
  | { readonly type: 'committed'; readonly old: ItemImage | undefined }
  /** The condition failed; nothing was written. `old`: what stands there. */
  | { readonly type: 'refused'; readonly old: ItemImage | undefined };

/**
 * The pod's view of the region's cache topics and of the routing table.
 *
 * It owns positions: those of a topic are fixed when `tail` first names it, before anything of it is handed over, and are kept across
 * reconnections, so that nothing is skipped unseen. What is skipped is told by `onGap`. It retries by itself, for ever, with a bounded
 * delay; `open` and `tail` resolve once they hold, so callers wait with a deadline of their own.
 */
export interface ChangeFeed {
  /** Connects, reads the routing table to its end (each route through `onRoute`), and follows it from there. Called once. */
  open(handler: ChangeFeedHandler): Promise<void>;
  /**
   * Replaces the set of followed topics. Resolves with each topic's partition count once every record that reaches them from now on
   * will be handed over. A topic that stays in the set keeps its positions. A topic that does not exist yet is waited for.
   */
  tail(topics: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Stops; nothing is handed over afterwards. Idempotent. */
  close(): Promise<void>;
}

export interface ChangeFeedHandler {
  onRoute(route: Route): void;
  /** The routing topic was made anew, or has lost its end: what it holds now follows, from its first record on. */
  onRoutesReset?(): void;
  /** Records of one partition in order. Synchronous; must not throw. */
  onBatch(batch: FeedBatch): void;
  /** Records of a followed partition may have been missed. */
  onGap(topic: string, partition: number, reason: string): void;
  /** Partitions were added to a followed topic, so keys have moved between them; a gap of every one of them follows. */
  onPartitions(topic: string, count: number): void;
  onState(state: FeedState): void;
}

/** `live`: connected and joined; `interrupted`: trying again. */
export type FeedState = 'live' | 'interrupted';

export interface FeedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly WireRecord[];
}

/** Publishes to table topics, in the partition of each record's key. */
export interface EventPublisher {
  /**
   * Resolves when every record is acknowledged, in the order given per partition; to the place of each record that has a key, in the order
   * given. A record without a key goes into every partition. Fails with `PUBLISH_FAILED`, `TOPIC_MISSING`, `TIMEOUT`, `ACCESS_DENIED`, `QUEUE_FULL`.
   */
  publish(table: string, records: readonly WireRecord[], call: StoreCall): Promise<readonly PublishedAt[]>;
}

/** Where a record stands in its table topic. */
export interface PublishedAt {
  readonly partition: number;
  readonly offset: number;
}

/**
 * What every live pod of the region has reported of itself: a log in the order in which the broker took the reports.
 *
 * It is what `whenVisible` waits for: a pod is past an offset of a table topic when a report of it, appended after that offset
 * was acknowledged, says so.
 */
export interface PodRegistry {
  /** Appends this pod's report; resolves when it is acknowledged. Fails as `EventPublisher.publish` does. */
  report(report: PodReport, call: StoreCall): Promise<void>;
  /**
   * Reads the log up to its end as it is now; the last report of each pod, those that are leaving left out. Repeated calls read only
   * what is new. Fails with `FEED_UNAVAILABLE`, `TIMEOUT`, `ABORTED`.
   */
  read(call: StoreCall): Promise<PodSnapshot>;
}

export interface PodSnapshot {
  /** The broker's time of the last record, ms since the epoch; 0: the log is empty. */
  readonly now: number;
  readonly pods: readonly {
    readonly report: PodReport;
    /** The broker's time, ms since the epoch. */ readonly at: number;
  }[];
}
