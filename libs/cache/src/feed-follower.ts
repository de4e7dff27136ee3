import {
  type ControlRecord,
  decodeRecord,
  type DecodedRecord,
  type PodReport,
  type Route,
  type WireRecord,
} from '@tidemark/protocol';
import { type Clock, type Logger, messageOf, type Metric, type MetricRegistry, thinned } from '@tidemark/runtime';
import { type ChangeFeed, type ChangeFeedHandler, type FeedBatch, type FeedState } from './backend.js';
import { type FlushNote, TableFollower } from './table-follower.js';

export interface FeedFollowerOptions {
  readonly feed: ChangeFeed;
  readonly region: string;
  /** Whose pod this is, for topics that are for some services alone. Default: of none that a route names. */
  readonly service?: string;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Default none: watermarks are taken as they come. */
  readonly clock?: Clock;
  /** Called after each change of what `live` or `state` say. */
  readonly onProgress: () => void;
  /** A record asks this pod to report how far it is; called after the record was carried out. */
  readonly onReportAsked: () => void;
}

/** Clocks are wrong by less than half of this, ms. */
const clockSkewMs = 5_000;

/** Hands the feed's records to the tables they are for, and tells the feed which topics the tables' routes ask for. */
export class FeedFollower implements ChangeFeedHandler {
  readonly #options: FeedFollowerOptions;
  readonly #tables = new Map<string, TableFollower>();
  readonly #refused: Metric;
  readonly #flushes: Metric;
  readonly #logger: Logger;
  readonly #again: Pick<Logger, 'warn'> | undefined;
  #wanted = '';
  /** The highest writer epoch of any table's route: a lower one is a zombie's, which the dispatcher ignores, whatever table it speaks of. */
  #routeEpoch = 0;
  #state: FeedState | 'closed' = 'interrupted';
  #opened = false;
  #refusedInBatch = 0;

  constructor(options: FeedFollowerOptions) {
    this.#options = options;
    const { metrics, logger, clock } = options;
    this.#again = clock && thinned(logger, clock);
    this.#refused = metrics.counter(
      'tidemark_feed_refused_records_total',
      'Records of a cache topic that could not be read or are another region’s.',
    );
    this.#flushes = metrics.counter('tidemark_feed_flushes_total', 'Flushes of one partition of one table.');
    this.#logger = logger;
  }

  /** The follower of a table; made when it is first asked for, which must be before `open`. */
  table(name: string): TableFollower {
    let follower = this.#tables.get(name);
    if (follower === undefined) {
      const onFlush = ({ table, topic, partition, reason, entries }: FlushNote): void => {
        this.#flushes.value += 1;
        // One that drops nothing is each partition's first, mostly; gaps and refused records have lines of their own.
        this.#logger[entries > 0 ? 'info' : 'debug']({ table, topic, partition, reason, entries }, 'flushed');
      };
      follower = new TableFollower(name, onFlush, this.#options.service);
      this.#tables.set(name, follower);
    }
    return follower;
  }

  /** Whether every table is followed in every partition. */
  get live(): boolean {
    return [...this.#tables.values()].every(({ live }) => live);
  }

  get state(): FeedState | 'closed' {
    return this.#state;
  }

  /** Opens the feed; resolves once the routing table has been read. */
  async open(): Promise<void> {
    await this.#options.feed.open(this);
    this.#opened = true;
    this.#retail();
    for (const { table, target } of this.#tables.values())
      if (target === undefined)
        this.#options.logger.warn(
          { table },
          'table has no route: its values are read through, and kept nowhere, until it has one',
        );
  }

  onRoute(route: Route): void {
    if (this.#state === 'closed' || route.writerEpoch < this.#routeEpoch) return;
    this.#routeEpoch = route.writerEpoch;
    this.#tables.get(route.table)?.applyRoute(route);
    this.#retail();
  }

  /** The routes stay in force until others come, for what is held is right as long as events come by them. */
  onRoutesReset(): void {
    this.#routeEpoch = 0;
    for (const follower of this.#tables.values()) follower.restartRoutes();
    this.#logger.warn({}, 'change feed: the routing topic has begun anew; its routes stay in force until others come');
  }

  onBatch({ topic, partition, records }: FeedBatch): void {
    let live = this.live;
    this.#refusedInBatch = 0;
    for (const record of records) this.#apply(topic, partition, record);
    live = this.live !== live;
    if (live) this.#options.onProgress();
    this.#retail();
  }

  onGap(topic: string, partition: number, reason: string): void {
    this.#options.metrics.counter(
      'tidemark_feed_gaps_total',
      'Times that records of a followed partition may have been missed.',
    ).value += 1;
    for (const follower of this.#tables.values()) follower.flushPartition(topic, partition, reason);
    this.#options.logger.warn({ topic, partition, reason }, 'change feed: records may be missing');
  }

  /** What is held lies in partitions of before; it is dropped, and each partition is followed from its next watermark on. */
  onPartitions(topic: string, count: number): void {
    if (this.#state !== 'closed') this.#onTailing(new Map([[topic, count]]));
  }

  onState(state: FeedState): void {
    if (state === this.#state || this.#state === 'closed') return;
    this.#state = state;
    this.#options.logger[state === 'live' ? 'info' : 'warn']({ state }, `change feed ${state}`);
    this.#options.onProgress();
  }

  /** Others know of this pod from now on: what it read before must not be kept, since a write they wait for may be newer. */
  onRegistered(): void {
    if (this.#state === 'closed') return;
    for (const follower of this.#tables.values()) follower.flushAll(follower.target ?? '', 'registered');
  }

  /** What this pod follows, and how far it is, by table. */
  get progress(): PodReport['tables'] {
    return Object.fromEntries([...this.#tables].map(([table, follower]) => [table, follower.progress]));
  }

  /** Drops what is held and keeps nothing more, whatever the feed still hands over. */
  stop(): void {
    this.#state = 'closed';
    for (const follower of this.#tables.values()) follower.unfollow('closed');
  }

  async close(): Promise<void> {
    if (this.#state !== 'closed') this.stop();
    await this.#options.feed.close();
  }

  #apply(topic: string, partition: number, record: WireRecord): void {
    const decoded = decodeRecord(record);
    const table = this.#carryOut(topic, partition, decoded);
    if (table !== undefined && record.src !== undefined)
      this.#tables.get(table)?.noteProgress(topic, partition, record.src);
    if (asksForReport(decoded)) this.#options.onReportAsked();
  }

  /** The table that the record was of, if it could be told. */
  #carryOut(topic: string, partition: number, decoded: DecodedRecord): string | undefined {
    switch (decoded.type) {
      case 'event':
        if (decoded.event.region === this.#options.region)
          this.#tables.get(decoded.event.table)?.applyEvent(topic, partition, decoded.event);
        else this.#refuse(topic, partition, `an event of region ${decoded.event.region}`);
        return decoded.event.table;
      case 'control':
        this.#control(topic, partition, decoded.record);
        return decoded.record.table;
      case 'unknown-event':
        this.#tables.get(decoded.table)?.invalidate(decoded.key);
        return decoded.table;
      case 'unknown-control':
        this.#tables.get(decoded.table)?.flushPartition(topic, partition, 'unknown control record');
        return decoded.table;
      case 'unsupported':
        this.#refuse(topic, partition, `format version ${decoded.version}`);
        return undefined;
      case 'malformed':
        this.#refuse(topic, partition, decoded.reason);
        return undefined;
    }
  }

  #control(topic: string, partition: number, record: ControlRecord): void {
    const follower = this.#tables.get(record.table);
    switch (record.control) {
      case 'watermark':
        if (record.since !== null)
          follower?.applyWatermark(topic, partition, this.#believable(topic, record.at), record.since);
        return;
      case 'invalidate':
        return follower?.invalidate(record.key);
      case 'flush-table':
        return follower?.flushPartition(topic, partition, `flush-table: ${record.reason}`);
      case 'probe':
        return;
    }
  }

  /**
   * Nothing is complete up to a time that has not come: where the clock of sync runs ahead, the present is claimed and no more. Else one such
   * watermark, never taken back, would pass for a fresh one until its time has come.
   */
  #believable(topic: string, at: number): number {
    const { clock } = this.#options;
    if (clock === undefined) return at;
    const now = Math.floor(clock.now());
    if (at > now + clockSkewMs)
      this.#again?.warn({ topic, aheadMs: at - now }, 'change feed: a watermark is of the future: some clock is wrong');
    return Math.min(at, now);
  }

  /**
   * A record that cannot be read may have been a change of any key of its partition. One flush a batch is enough: a batch is carried out in one
   * go, so what is held or begun after the flush was read after all of its changes were made. Each costs a look at every entry.
   */
  #refuse(topic: string, partition: number, reason: string): void {
    this.#refused.value += 1;
    this.#refusedInBatch += 1;
    if (this.#refusedInBatch > 1) return;
    this.#options.logger.error({ topic, partition, reason }, 'change feed: a record was refused');
    for (const follower of this.#tables.values())
      follower.flushPartition(topic, partition, `refused record: ${reason}`);
  }

  /** Tells the feed when the set of topics has changed. */
  #retail(): void {
    if (!this.#opened || this.#state === 'closed') return;
    const topics = [...new Set([...this.#tables.values()].flatMap((follower) => [...follower.topics]))].sort();
    const wanted = topics.join(' ');
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    const { feed, logger } = this.#options;
    feed.tail(topics).then(
      (counts) => this.#onTailing(counts),
      (error: unknown) => {
        if (this.#state !== 'closed')
          logger.error({ topics, error: messageOf(error) }, 'change feed: following topics failed');
      },
    );
  }

  #onTailing(counts: ReadonlyMap<string, number>): void {
    for (const follower of this.#tables.values()) {
      const count = follower.target === undefined ? undefined : counts.get(follower.target);
      // 0: another call replaced the set while the topic was still waited for.
      if (count === undefined || count === 0 || follower.setPartitionCount(count) === 'ok') continue;
      this.#options.logger.error(
        { table: follower.table, topic: follower.target, count },
        'topics of one table differ in partition count',
      );
    }
    this.#options.onProgress();
  }
}

function asksForReport(decoded: DecodedRecord): boolean {
  if (decoded.type === 'event') return decoded.event.report === true;
  return decoded.type === 'control' && decoded.record.control === 'invalidate' && decoded.record.report === true;
}
