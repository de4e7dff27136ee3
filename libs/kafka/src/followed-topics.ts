import { type Admin } from 'kafkajs';
import { allBounds, identityOf, knownBoundsOf, type LogIdentity, offsetsSince } from './admin-call.js';
import { type FetchPlace, type RefusedPlace } from './fetch-places.js';
import { isOfTopic } from './kafka-error.js';
import { judgePosition, type KnownBounds, Positions } from './positions.js';

/** How a topic is followed. */
export interface TailedTopic {
  /** From its first record, from what is written after it was first named, or from the first record that the broker dates no earlier. */
  readonly from: 'start' | 'end' | { readonly sinceMs: number };
  /** Holes are its nature and no gaps. */
  readonly compacted: boolean;
}

export interface FollowedTopicsHooks {
  onGap(topic: string, partition: number, reason: string): void;
  /** A compacted topic has begun anew, or lost its end: what is in it now is read from its first record on. */
  onReset(topic: string): void;
  onAbsent(topic: string): void;
  /** A topic that is followed has this many partitions now, which is more than before. */
  onGrowth(topic: string, count: number): void;
  /** A topic that has positions is to be read on from elsewhere. */
  onMove(topic: string, partition: number, position: bigint): void;
  /** Positions were fixed or moved by what the broker said. */
  onChange(): void;
}

/** A topic as one look has found it. */
interface Found {
  readonly identity: LogIdentity;
  readonly bounds: KnownBounds;
  /** Where it is read from, as it has no positions or is another topic; `undefined`: it is read on. */
  readonly start: readonly bigint[] | undefined;
}

/**
 * Which topics are followed, and where.
 *
 * A position belongs to one log: the id of its topic, and the epoch of a leader in whose time the log reached it. Identities are asked for before offsets, so
 * that an offset of a log that has come into the place of that one is refused when it is fetched.
 *
 * Positions are fixed by the first look that finds the topic: at its end, or at offset 0 when an earlier look had not found it, because then
 * everything in it was written after it was named.
 *
 * Looks may overlap. One during which another was applied is dropped: it may have found what was there before, and judges positions that have been moved.
 */
export class FollowedTopics {
  readonly positions = new Positions();
  readonly #hooks: FollowedTopicsHooks;
  #wanted: ReadonlyMap<string, TailedTopic> = new Map();
  readonly #absent = new Set<string>();
  readonly #ends = new Map<string, readonly (bigint | undefined)[]>();
  /** Another one for every topic whenever a look of it is applied. */
  readonly #looks = new Map<string, symbol>();
  readonly #ids = new Map<string, string | undefined>();
  readonly #places = new Map<string, FetchPlace[]>();
  /** Not fetched before its topic was looked up: what a broker has refused to hand over, by topic. */
  readonly #refused = new Map<string, RefusedPlace[]>();

  constructor(hooks: FollowedTopicsHooks) {
    this.#hooks = hooks;
  }

  /** Replaces the set; topics that stay keep their positions. Returns those that left. */
  want(topics: ReadonlyMap<string, TailedTopic>): string[] {
    this.#wanted = new Map(topics);
    const left = this.positions.topics().filter((topic) => !topics.has(topic));
    for (const topic of left) {
      this.positions.forget(topic);
      this.#ends.delete(topic);
      this.#ids.delete(topic);
      this.#places.delete(topic);
      this.#refused.delete(topic);
    }
    for (const topic of this.#looks.keys()) if (!topics.has(topic)) this.#looks.delete(topic);
    for (const topic of this.#absent) if (!topics.has(topic)) this.#absent.delete(topic);
    return left;
  }

  wanted(): string[] {
    return [...this.#wanted.keys()];
  }

  specOf(topic: string): TailedTopic | undefined {
    return this.#wanted.get(topic);
  }

  /** Looked for, and not there. */
  isAbsent(topic: string): boolean {
    return this.#absent.has(topic);
  }

  isCompacted(topic: string): boolean {
    return this.#wanted.get(topic)?.compacted === true;
  }

  /** Wanted, there, and with positions: what a consumer can subscribe to. Sorted. */
  present(): string[] {
    return this.wanted()
      .filter((topic) => this.positions.has(topic) && !this.#absent.has(topic))
      .sort();
  }

  /** Wanted, and not there or not yet looked up. */
  open(): string[] {
    return this.wanted().filter((topic) => !this.positions.has(topic) || this.#absent.has(topic));
  }

  /** The partition's end as the last look found it. */
  endOf(topic: string, partition: number): bigint | undefined {
    return this.#ends.get(topic)?.[partition];
  }

  /** Whether all before `ends` was handed over, of the topic of that id where one is given; not while it is in doubt which topic was read. */
  isReached(topic: string, ends: readonly bigint[], topicId?: string): boolean {
    const [, isOther] = compared(this.#ids.get(topic), topicId);
    return !isOther && !this.#refused.has(topic) && this.positions.reached(topic, ends);
  }

  /** `undefined`: it is not to be fetched before its topic was looked up; the topic's other partitions are, for a log that is asked for by id is no other. */
  placeOf(topic: string, partition: number): FetchPlace | undefined {
    const isRefused = this.#refused.get(topic)?.some((refused) => refused.partition === partition) === true;
    if (isRefused || !this.positions.has(topic)) return undefined;
    const [topicId, leaderEpoch] = [this.#ids.get(topic), this.positions.epochAt(topic, partition)];
    const known = this.#places.get(topic)?.[partition];
    // The same object while it is the same place: what brokers say of it is remembered by it.
    if (known !== undefined && known.topicId === topicId && known.leaderEpoch === leaderEpoch) return known;
    const place = { topicId, leaderEpoch };
    const places = this.#places.get(topic) ?? [];
    places[partition] = place;
    this.#places.set(topic, places);
    return place;
  }

  refuse(refused: RefusedPlace): void {
    const { topic } = refused;
    if (this.positions.has(topic)) this.#refused.set(topic, [...(this.#refused.get(topic) ?? []), refused]);
  }

  /** Topics to look up before what was refused of them is fetched again. */
  refused(): string[] {
    return [...this.#refused.keys()];
  }

  /** Partitions that are not fetched before their topics were looked up. */
  closed(): RefusedPlace[] {
    return [...this.#refused.values()].flat();
  }

  /**
   * Looks the topics up: fixes the positions of new ones, and moves positions that have fallen out of the log. One that the brokers do not answer for keeps
   * no other from its look: why, is thrown at the end.
   */
  async survey(admin: Admin, topics: readonly string[]): Promise<void> {
    const failures: unknown[] = [];
    for (const topic of topics)
      await this.#surveyOne(admin, topic).catch((error: unknown) => {
        if (!isOfTopic(error)) throw error;
        failures.push(error);
      });
    if (failures.length > 0) throw failures[0];
  }

  async #surveyOne(admin: Admin, topic: string): Promise<void> {
    if (!this.#wanted.has(topic)) return;
    const look = this.#looks.get(topic) ?? Symbol(topic);
    this.#looks.set(topic, look);
    // From before the look: a position that has moved meanwhile may be past the end that the look has found.
    const before = [...this.positions.of(topic)];
    const refused = this.#refused.get(topic) ?? [];
    const found = await this.#find(admin, topic);
    if (this.#looks.get(topic) !== look) return;
    this.#looks.set(topic, Symbol(topic));
    if (found === undefined) this.#missing(topic);
    else this.#found(topic, found, before, refused);
    this.#open(topic, refused, found?.bounds);
    if (found !== undefined) allBounds(topic, found.bounds);
  }

  /** What was refused meanwhile has its own look, and so has a partition of which nothing is known without a leader. */
  #open(topic: string, refused: readonly RefusedPlace[], { low }: KnownBounds = { low: [], high: [] }): void {
    const isUnknown = (partition: number): boolean => partition < low.length && low[partition] === undefined;
    const left = (this.#refused.get(topic) ?? []).filter((one) => !refused.includes(one) || isUnknown(one.partition));
    if (left.length > 0) this.#refused.set(topic, left);
    else if (this.#refused.delete(topic)) this.#hooks.onChange();
  }

  /** Partitions were added, so keys have moved between them. */
  widen(topic: string, count: number): void {
    const known = this.positions.count(topic);
    if (known === 0 || count <= known) return;
    this.positions.widen(topic, count);
    this.#hooks.onGrowth(topic, count);
    this.#gapAll(topic, `partitions grew from ${known} to ${count}`);
  }

  async #find(admin: Admin, topic: string): Promise<Found | undefined> {
    const identity = await identityOf(admin, topic);
    const bounds = identity === undefined ? undefined : await knownBoundsOf(admin, topic);
    if (identity === undefined || bounds === undefined) return undefined;
    return { identity, bounds, start: await this.#startOf(admin, topic, identity, bounds) };
  }

  #missing(topic: string): void {
    if (!this.#absent.has(topic)) this.#hooks.onAbsent(topic);
    this.#absent.add(topic);
  }

  /** A partition without a leader keeps a topic from beginning, and nothing but itself from being read on. */
  async #startOf(admin: Admin, topic: string, identity: LogIdentity, bounds: KnownBounds): Promise<Found['start']> {
    const hasPositions = this.positions.has(topic);
    if (hasPositions && !this.#isAnew(topic, identity)) return undefined;
    const { low, high } = allBounds(topic, bounds);
    const from = this.#wanted.get(topic)?.from ?? 'end';
    if (hasPositions || from === 'start') return low;
    if (from === 'end') return this.#absent.has(topic) ? low.map(() => 0n) : high;
    return offsetsSince(admin, topic, from.sinceMs);
  }

  /** Whether what is there now is another topic than the one that was read; one that was away is, where ids are not known. */
  #isAnew(topic: string, { topicId }: LogIdentity): boolean {
    const [isSame, isOther] = compared(this.#ids.get(topic), topicId);
    return isOther || (this.#absent.has(topic) && !isSame);
  }

  #found(topic: string, found: Found, before: readonly bigint[], refused: readonly RefusedPlace[]): void {
    const { identity, bounds, start } = found;
    const wasAbsent = this.#absent.delete(topic);
    this.#ends.set(topic, bounds.high);
    this.#ids.set(topic, identity.topicId ?? this.#ids.get(topic));
    if (start === undefined) {
      const cut = new Set(refused.filter(({ why }) => why === 'cut').map(({ partition }) => partition));
      for (const partition of bounds.low.keys()) this.#place(topic, partition, found, before, cut.has(partition));
    } else {
      const isAnew = this.positions.has(topic);
      this.positions.fix(topic, start, identity.leaderEpochs);
      if (isAnew) this.#begin(topic, start, wasAbsent);
    }
    this.#hooks.onChange();
  }

  #begin(topic: string, start: readonly bigint[], wasAbsent: boolean): void {
    for (const [partition, low] of start.entries()) this.#hooks.onMove(topic, partition, low);
    this.#gapAll(topic, wasAbsent ? 'the topic was away and has come back' : 'the topic was made anew');
    if (this.isCompacted(topic)) this.#hooks.onReset(topic);
  }

  #place(
    topic: string,
    partition: number,
    { bounds, identity }: Found,
    before: readonly bigint[],
    isCut: boolean,
  ): void {
    const earlier = before[partition];
    const low = bounds.low[partition];
    if (earlier === undefined || low === undefined) return;
    const now = this.positions.at(topic, partition) ?? earlier;
    // One that was moved back meanwhile is newer than the end that was found.
    const behind = judgePosition(earlier, earlier, now < earlier ? earlier : (bounds.high[partition] ?? earlier));
    const ahead = judgePosition(now, low, now);
    const epoch = identity.leaderEpochs[partition];
    if (!isCut && behind.type === 'expected' && ahead.type === 'expected') {
      // The log reaches beyond it in the time of this leader, so from now on a cut is noticed.
      if (this.positions.epochAt(topic, partition) === undefined) this.positions.move(topic, partition, now, epoch);
      return;
    }
    this.positions.move(topic, partition, low, epoch);
    this.#hooks.onMove(topic, partition, low);
    const what = isCut ? 'the log was cut before' : 'the log has lost';
    if (this.isCompacted(topic)) this.#hooks.onReset(topic);
    else this.#hooks.onGap(topic, partition, `${what} offset ${now}, and begins at ${low}`);
  }

  #gapAll(topic: string, reason: string): void {
    if (this.isCompacted(topic)) return;
    for (const partition of this.positions.of(topic).keys()) this.#hooks.onGap(topic, partition, reason);
  }
}

/** Whether two looks have certainly found the same topic, and whether they have certainly found two; neither where an id is not known. */
function compared(known: string | undefined, found: string | undefined): [isSame: boolean, isOther: boolean] {
  const areKnown = known !== undefined && found !== undefined;
  return [areKnown && known === found, areKnown && known !== found];
}
