import { isDeepStrictEqual } from 'node:util';
import {
  carries,
  type CdcEvent,
  followedTopic,
  isLive,
  parseItemKey,
  partitionOf,
  type Route,
  type RouteFollower,
  type RouteTarget,
  type TableProgress,
  targetsOf,
} from '@tidemark/protocol';
import { type Coherence } from './coherence.js';
import { PartitionState } from './partition-state.js';

export interface FlushNote {
  readonly table: string;
  readonly topic: string;
  readonly partition: number | undefined;
  readonly reason: string;
  readonly entries: number;
}

/**
 * How a pod follows one table: which topic, from when on, and up to what time.
 *
 * A route names the topics that carry the table. The pod's target is the one added last of those that carry its service and all of its caches.
 * The pod keeps following its present topic while it already listens to the target; the first watermark on a target's partition flushes
 * that partition, and from then on it is the one followed. A higher `since` on a followed topic means that events may have gone elsewhere
 * meanwhile: flush, too. Its watermarks count once this pod has read the route that says so, for a filter may have come over the topic. Nothing
 * is installed in a partition before its first watermark. There are no markers in the topics: a marker re-sent by the next owner of a
 * partition hides a gap.
 */
export class TableFollower {
  readonly table: string;
  readonly #caches = new Map<string, { readonly coherence: Coherence; readonly onFlush: (note: FlushNote) => void }>();
  readonly #onFlush: (note: FlushNote) => void;
  #partitions: readonly PartitionState[] = [];
  /** Of every key while no partition is known: never open, so that nothing is kept; a flush raises its generation, too. */
  readonly #nowhere = { index: -1, state: new PartitionState() };
  #target: string | undefined;
  #route: Route | undefined;
  /** Who this pod is to a route. */
  #self: RouteFollower;
  /** By topic: its last place in a route that was read. */
  readonly #known = new Map<string, RouteTarget>();
  #routeEpoch = 0;
  /** The routing table has begun anew, and no other route has come since: with the next one versions may go back. */
  #restarted = false;
  /** That has happened once: the route's own `since` counts, although a dispatcher of the time before may still announce higher ones. */
  #begunAnew = false;

  /** `service`: whose pod this is, for topics that are for some services alone. Default: of none that a route names. */
  constructor(table: string, onFlush: (note: FlushNote) => void, service = '') {
    this.table = table;
    this.#onFlush = onFlush;
    this.#self = { service, buckets: [] };
  }

  /** `onFlush` is told of every flush, with the entries of this cache alone. */
  addCache(bucket: string, coherence: Coherence, onFlush: (note: FlushNote) => void = () => undefined): void {
    this.#caches.set(bucket, { coherence, onFlush });
    this.#self = { ...this.#self, buckets: [...this.#caches.keys()] };
    this.#choose();
  }

  /** The topics to listen to: the target, and every topic that some partition still follows. */
  get topics(): ReadonlySet<string> {
    const topics = new Set<string>();
    if (this.#target !== undefined) topics.add(this.#target);
    for (const { followed } of this.#partitions) if (followed !== undefined) topics.add(followed);
    return topics;
  }

  get target(): string | undefined {
    return this.#target;
  }

  /** Whether every partition is followed, so that everything that is read may be kept. */
  get live(): boolean {
    return this.#partitions.length > 0 && this.#partitions.every(({ open }) => open);
  }

  /** The lowest watermark of its partitions, ms since the epoch; 0 before each has one. */
  get watermark(): number {
    if (this.#partitions.length === 0) return 0;
    return this.#partitions.reduce((lowest, { watermark }) => Math.min(lowest, watermark), Number.POSITIVE_INFINITY);
  }

  /** Of one partition, ms since the epoch; 0 before its first watermark, and for a partition that is not known. */
  watermarkOf(partition: number): number {
    return this.#partitions[partition]?.watermark ?? 0;
  }

  /** What this pod follows, and how far it is. */
  get progress(): TableProgress {
    return {
      topics: this.#partitions.map(({ followed }) => followed ?? null),
      progress: this.#partitions.map(({ progress }) => progress),
    };
  }

  /**
   * The record at `src` of the table topic was processed, from `topic`. The last one counts, not the highest: a table topic that was made anew
   * begins at 0, and a rewind's replay stands before what is live. Too low only makes `whenVisible` wait, for a watermark's time at most.
   */
  noteProgress(topic: string, partition: number, src: number): void {
    const state = this.#partitions[partition];
    if (state?.followed === topic) state.progress = src;
  }

  partitionOf(itemKey: string): { readonly index: number; readonly state: PartitionState } | undefined {
    if (this.#partitions.length === 0) return undefined;
    const index = partitionOf(itemKey, this.#partitions.length);
    const state = this.#partitions[index];
    return state === undefined ? undefined : { index, state };
  }

  /** The same for what is in flight, which a flush must reach although no partition is known yet. */
  placeOf(itemKey: string): { readonly index: number; readonly state: PartitionState } {
    return this.partitionOf(itemKey) ?? this.#nowhere;
  }

  /** A record of the routing table for this table; a zombie writer's is ignored. */
  applyRoute(route: Route): void {
    if (route.writerEpoch < this.#routeEpoch) return;
    this.#routeEpoch = route.writerEpoch;
    if (this.#restarted && !isDeepStrictEqual(this.#route, route)) this.#beginAnew();
    this.#route = route;
    for (const topic of this.#known.keys()) if (!this.#follows(topic)) this.#known.delete(topic);
    for (const target of targetsOf(route)) this.#known.set(target.topic, target);
    this.#choose();
  }

  /**
   * The routing table was lost and is written anew, by a writer that may know nothing of the one before. The route stays in force; another one
   * flushes each partition, for its `since` tells nothing of what was before it.
   */
  restartRoutes(): void {
    this.#routeEpoch = 0;
    this.#restarted = true;
  }

  /**
   * The feed listens to `topic`, which has this many partitions. Every topic of a table has the same count, else the route is wrong: then
   * what is held is dropped, and nothing is kept until the route is right.
   */
  setPartitionCount(count: number): 'ok' | 'mismatch' {
    if (this.#partitions.length === count) return 'ok';
    const known = this.#partitions.length > 0;
    this.#replacePartitions(count);
    if (known) this.#flush(this.#target ?? '', undefined, 'partition count changed');
    return known ? 'mismatch' : 'ok';
  }

  applyEvent(topic: string, partition: number, event: CdcEvent): void {
    if (!this.#listensTo(topic, partition)) return;
    const parts = parseItemKey(event.key);
    if (parts !== undefined) this.#caches.get(parts.bucket)?.coherence.applyEvent(parts.key, event);
  }

  invalidate(itemKey: string): void {
    const parts = parseItemKey(itemKey);
    if (parts !== undefined) this.#caches.get(parts.bucket)?.coherence.invalidate(parts.key);
  }

  /**
   * A watermark of one partition; `since` says from which version of the route on the topic has been complete. One with a lower `since` than
   * was announced there comes from a dispatcher that has been replaced: it says nothing.
   */
  applyWatermark(topic: string, partition: number, at: number, since: number): void {
    const state = this.#partitions[partition];
    if (state === undefined || !this.#listensTo(topic, partition)) return;
    const heard = this.#hear(state, topic, since);
    if (heard === 'stale') return;
    const believed = this.#believes(topic, since);
    if (believed && topic === this.#target && state.followed !== topic) this.#switchTo(state, partition, topic);
    else if (heard === 'other') this.#flushPartition(topic, partition, 'route changed');
    if (believed && state.followed === topic && at > state.watermark) state.watermark = at;
  }

  /** Something may be missing from a partition: drop what it may have touched. The watermark stays: it never goes back. */
  flushPartition(topic: string, partition: number, reason: string): void {
    if (this.#listensTo(topic, partition)) this.#flushPartition(topic, partition, reason);
  }

  flushAll(topic: string, reason: string): void {
    this.#raiseGenerations();
    this.#flush(topic, undefined, reason);
  }

  /** Nobody carries the table any more, or nobody listens: what is held would never be told of a change. */
  unfollow(reason: string): void {
    const topic = this.#target ?? '';
    this.#target = undefined;
    this.#replacePartitions(0);
    this.#flush(topic, undefined, reason);
  }

  /** Before anybody is told of the flush: what a listener begins then must belong to the partitions that there are from now on. */
  #replacePartitions(count: number): void {
    this.#raiseGenerations();
    this.#partitions = Array.from({ length: count }, () => new PartitionState());
  }

  #raiseGenerations(): void {
    for (const state of this.#partitions) state.raiseGeneration();
    this.#nowhere.state.raiseGeneration();
  }

  /** Takes note of an announced `since`. Lower ones are stale, but the route's own where versions may have gone back. */
  #hear(state: PartitionState, topic: string, since: number): 'stale' | 'same' | 'other' {
    const announced = state.since.get(topic) ?? -1;
    const isAnew = this.#begunAnew && since === this.#known.get(topic)?.since;
    if (since < announced && !isAnew) return 'stale';
    state.since.set(topic, since);
    return since === announced ? 'same' : 'other';
  }

  /** Heads for the topic that the route has for this pod. */
  #choose(): void {
    if (this.#route === undefined) return;
    const target = this.#route.deleted ? undefined : followedTopic(this.#route, this.#self);
    if (target === this.#target) return;
    if (target === undefined)
      return this.unfollow(isLive(this.#route) ? 'no topic of the route is for this pod' : 'route deleted');
    if (this.#target !== undefined && !this.#follows(this.#target)) this.#forgetTopic(this.#target);
    this.#target = target;
  }

  /**
   * Whether what a topic's watermark claims holds for this pod's keys. Under a later route than was read a filter may lie over the topic, and
   * under an earlier one than that of its filter the filter was another.
   */
  #believes(topic: string, since: number): boolean {
    const known = this.#known.get(topic);
    if (known === undefined || !carries(known, this.#self)) return false;
    return known.buckets === undefined ? since <= known.since : since === known.since;
  }

  /** The first watermark on the target. */
  #switchTo(state: PartitionState, partition: number, topic: string): void {
    const previous = state.followed;
    state.followed = topic;
    state.progress = -1;
    this.#flushPartition(topic, partition, previous === undefined ? 'first watermark' : 'moved to another topic');
    if (previous !== undefined) state.since.delete(previous);
  }

  /** A partition beyond those known says that keys have moved between partitions: then none of them can be told apart. */
  #flushPartition(topic: string, partition: number, reason: string): void {
    const state = this.#partitions[partition];
    if (state === undefined) return this.flushAll(topic, reason);
    state.raiseGeneration();
    this.#flush(topic, partition, reason);
  }

  #flush(topic: string, partition: number | undefined, reason: string): void {
    let entries = 0;
    for (const { coherence, onFlush } of this.#caches.values()) {
      const own = coherence.flush(partition);
      entries += own;
      onFlush({ table: this.table, topic, partition, reason, entries: own });
    }
    this.#onFlush({ table: this.table, topic, partition, reason, entries });
  }

  #listensTo(topic: string, partition: number): boolean {
    return topic === this.#target || this.#partitions[partition]?.followed === topic;
  }

  #follows(topic: string): boolean {
    return this.#partitions.some(({ followed }) => followed === topic);
  }

  #beginAnew(): void {
    this.#restarted = false;
    this.#begunAnew = true;
    for (const state of this.#partitions) state.since.clear();
  }

  #forgetTopic(topic: string): void {
    for (const state of this.#partitions) state.since.delete(topic);
  }
}
