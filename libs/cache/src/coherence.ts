import { type CdcEvent } from '@tidemark/protocol';
import { type CacheStats } from './cache-stats.js';
import { type DecidableEntry, decide, type Verdict } from './decide.js';
import { type Entry, type EntrySource } from './entry.js';
import { type Fence, Fences, isUntouched } from './fences.js';
import { type Held } from './holder.js';
import { KnownSet } from './known-set.js';
import { none } from './l1/columns.js';
import { type Image, type L1 } from './l1/l1.js';
import { type PartitionState } from './partition-state.js';
import { SteppedBack } from './stepped-back.js';

/**
 * The state of one cache in one pod and every transition it can take. Synchronous and without I/O, so that a model checker can drive
 * exactly what ships.
 *
 * Invariants:
 * - an entry is the replica's state as of some moment not before the last event processed for its key, or it is absent;
 * - what comes from L2 (a fill, the acknowledgement of a write) is installed only through a fence that stayed clean;
 * - an event never creates an entry: without one there is nothing to compare it with, and a late event would stay for ever;
 * - every install, acknowledgement and fenced completion dirties what else is in flight for the key.
 */
export interface CoherenceOptions {
  readonly l1: L1;
  readonly stats: CacheStats;
  /** The partition of a key; `undefined` until the table is followed. */
  readonly partitionOf: (key: string) => { readonly index: number; readonly state: PartitionState } | undefined;
  /** What is to be held of an event's value. */
  readonly hold: (event: CdcEvent) => Held;
  /** Whether a get is given a value as it is held; default: all are. */
  readonly givesAsHeld?: (value: unknown) => boolean;
  /** Whether two images of one write id hold the same value. */
  readonly sameValue: (a: unknown, b: unknown) => boolean;
  /** `invalidate` drops where `update` would apply, and takes no write id for known. */
  readonly mode: 'update' | 'invalidate';
  readonly known?: KnownSet;
  readonly steppedBack?: SteppedBack;
  /** Told of every event whose transition this pod had not seen, after it was carried out, and whether an entry was there before; must not throw. */
  readonly onEvent?: (key: string, event: CdcEvent, verdict: Verdict, held: boolean) => void;
}

/** An image as L2 gave it, or as a put wrote it; `value` `undefined` = there is none. */
export interface Installable {
  readonly value: unknown;
  readonly writeId: string | null;
  /** Seconds since the epoch; 0 = never. */
  readonly expiresAt: number;
  /** Ms since the epoch; when the call to L2 began. */
  readonly readAt: number;
  /** Approximate heap of the value. */
  readonly bytes: number;
}

export class Coherence {
  readonly #options: CoherenceOptions;
  readonly #l1: L1;
  readonly #row: Row;
  readonly #fences = new Fences();
  readonly #known: KnownSet;
  readonly #steppedBack: SteppedBack;

  constructor(options: CoherenceOptions) {
    this.#options = options;
    this.#l1 = options.l1;
    this.#row = new Row(options.l1);
    this.#known = options.known ?? new KnownSet();
    this.#steppedBack = options.steppedBack ?? new SteppedBack();
  }

  /** What L1 holds for the key: a copy. */
  peek(key: string): Entry | undefined {
    return this.#l1.peek(key);
  }

  /** Opens the fence of a read of L2. */
  beginFill(key: string): Fence {
    return this.#fences.open(key, this.#options.partitionOf(key)?.state);
  }

  /**
   * Whether a later get may wait for this fill: a dirty one may bring back what its caller already knows to be gone. One that began before
   * the table was followed hears of nothing, so it is not waited for any more once it is.
   */
  joinable(fence: Fence): boolean {
    return isUntouched(fence) && fence.partition === this.#options.partitionOf(fence.key)?.state;
  }

  /**
   * A clean answer takes the place of whatever entry was there when the read began: the read began after that entry was current, so it is
   * not older. A dirty one drops an entry that differs, since its callers are handed something else.
   */
  completeFill(fence: Fence, image: Installable): void {
    const clean = this.#fences.close(fence);
    const slot = this.#l1.find(fence.key);
    const same = slot !== none && this.#sameImage(slot, image);
    if (clean) this.#noteFound(fence.key, image.writeId, slot);
    if (clean && same) this.#l1.noteRead(slot, image.readAt);
    else if (clean) this.#install(fence.key, image, 'fill');
    else {
      this.#options.stats.fencedFills += 1;
      if (!same) this.#drop(fence.key);
    }
    this.#fences.dirty(fence.key);
  }

  /** The read failed: nothing is known. */
  abandonFill(fence: Fence): void {
    this.#fences.close(fence);
  }

  beginWrite(key: string, writeId?: string): Fence {
    return this.#fences.open(key, this.#options.partitionOf(key)?.state, writeId);
  }

  /** The put of the fence's write id is in the replica. */
  completePut(fence: Fence, image: Installable): void {
    const clean = this.#fences.close(fence);
    if (image.writeId !== null) this.#noteWritten(fence.key, image.writeId);
    const slot = this.#l1.find(fence.key);
    const held = slot !== none && this.#l1.valueAt(slot) !== undefined && this.#l1.writeIdAt(slot) === image.writeId;
    if (clean && !held) this.#install(fence.key, image, 'put');
    else if (!held) this.#drop(fence.key);
    this.#fences.dirty(fence.key);
  }

  /** The delete is in the replica. A clean one may install an absence. A tombstone has a write id, and so an event that can be known. */
  completeDelete(fence: Fence, readAt: number): void {
    if (fence.writeId !== undefined) this.#noteWritten(fence.key, fence.writeId);
    if (this.#fences.close(fence))
      this.#install(fence.key, { value: undefined, writeId: null, expiresAt: 0, readAt, bytes: 0 }, 'put');
    else this.#drop(fence.key);
    this.#fences.dirty(fence.key);
  }

  /** Nothing was written, because what stands there is newer; or the outcome is unknown. Either way the entry is in doubt. */
  failWrite(fence: Fence): void {
    this.#fences.close(fence);
    this.#drop(fence.key);
    this.#fences.dirty(fence.key);
  }

  /** Nothing was sent or nothing was written, for certain: the entry stays. */
  cancelWrite(fence: Fence): void {
    this.#fences.close(fence);
  }

  /** An event of the followed replica. */
  applyEvent(key: string, event: CdcEvent): Verdict {
    const slot = this.#l1.find(key);
    const held = slot !== none;
    this.#steppedBack.note(key, event);
    const ambiguous = this.#steppedBack.covers(key, event);
    const verdict = decide(held ? this.#row.at(slot) : undefined, event, this.#knows(event), ambiguous);
    this.#count(verdict);
    if (verdict.rule !== 2) this.#noteTransition(key, event, verdict.rule === 1);
    if (held) this.#carryOut(verdict, key, slot, event);
    if (verdict.rule !== 2) this.#options.onEvent?.(key, event, verdict, held);
    return verdict;
  }

  /** Whether this pod has seen the transition to `writeId`, so that whatever it holds is that write or a later state. */
  hasSeen(writeId: string): boolean {
    return this.#known.has(writeId);
  }

  /** Drops the key, whatever L1 holds. */
  invalidate(key: string): void {
    this.#fences.dirty(key);
    this.#drop(key);
  }

  /** Installs a value that is this pod's alone: it has no write id, so any event for the key drops it. */
  localPut(key: string, held: Held, now: number): void {
    this.#install(key, { ...held, writeId: null, expiresAt: 0, readAt: now }, 'local');
    this.#fences.dirty(key);
  }

  localDelete(key: string): boolean {
    this.#fences.dirty(key);
    return this.#l1.delete(key);
  }

  /** Forgets an entry that has expired. */
  expire(key: string): void {
    this.#l1.delete(key);
  }

  /** Drops the entries of a partition (all when `undefined`). The caller raises the partition's generation. */
  flush(partition: number | undefined): number {
    const { stats } = this.#options;
    const dropped = partition === undefined ? this.#l1.clear() : this.#l1.deletePartition(partition);
    stats.flushes += 1;
    stats.flushed += dropped;
    return dropped;
  }

  get inFlight(): number {
    return this.#fences.size;
  }

  isInFlight(key: string): boolean {
    return this.#fences.has(key);
  }

  /**
   * Mode `invalidate` is for tables where others bring old items back with their old write ids: there, an id that was seen before may have
   * come again, and its event is as good as any other.
   */
  #knows({ to }: CdcEvent): boolean {
    return this.#options.mode === 'update' && this.#known.has(to);
  }

  /** What a clean read found beside what is held, or was written. The write id of an absence is not known, and taken for none. */
  #noteFound(key: string, writeId: string | null, slot: number): void {
    this.#steppedBack.noteRead(key, writeId, slot === none ? null : this.#l1.writeIdAt(slot));
  }

  #noteWritten(key: string, writeId: string): void {
    this.#known.add(writeId);
    this.#steppedBack.noteWritten(key, writeId);
  }

  #count(verdict: Verdict): void {
    const { stats } = this.#options;
    stats.events += 1;
    stats.rules[verdict.rule] = (stats.rules[verdict.rule] ?? 0) + 1;
  }

  /** A transition that this pod had not seen: what is in flight for the key may be older, save the put whose own event this is. */
  #noteTransition(key: string, event: CdcEvent, foreign: boolean): void {
    this.#fences.dirty(key, foreign ? undefined : event.to);
    if (event.lane === 'fast' && !foreign && event.value !== null && event.to !== null) this.#known.add(event.to);
  }

  #carryOut(verdict: Verdict, key: string, slot: number, event: CdcEvent): void {
    if (verdict.action === 'keep') return;
    if (verdict.action === 'confirm') this.#l1.stamp(slot, event.stampUs ?? 0);
    else if (verdict.action === 'apply' && this.#options.mode === 'update') this.#apply(key, slot, event);
    else this.#drop(key);
  }

  /** Keeps the value that L1 holds for the key in another form: unpacked. */
  reshape(key: string, held: Held): void {
    const slot = this.#l1.find(key);
    const entry = this.#l1.peek(key);
    if (entry === undefined) return;
    const { value, bytes } = held;
    const image = { ...entry, value, isPlain: this.#isPlain(value, entry.expiresAt) };
    this.#l1.replace(slot, image, bytes);
  }

  #install(key: string, image: Installable, source: EntrySource): void {
    const { value, writeId, expiresAt, readAt, bytes } = image;
    const partition = this.#options.partitionOf(key)?.index ?? -1;
    this.#set(key, { value, isPlain: false, writeId, stampUs: 0, expiresAt, readAt, partition, source }, bytes);
  }

  #set(key: string, entry: Entry, valueBytes: number): void {
    const isPlain = this.#isPlain(entry.value, entry.expiresAt);
    this.#l1.set(key, { ...entry, isPlain }, valueBytes);
  }

  #apply(key: string, slot: number, event: CdcEvent): void {
    if (lacksItsValue(event)) return this.#drop(key);
    const { value, bytes } = this.#options.hold(event);
    const { to: writeId } = event;
    const expiresAt = event.expiresAt ?? 0;
    const isPlain = this.#isPlain(value, expiresAt);
    const image: Image = { value, isPlain, writeId, stampUs: event.stampUs ?? 0, expiresAt, source: 'event' };
    this.#l1.replace(slot, image, bytes);
  }

  #isPlain(value: unknown, expiresAt: number): boolean {
    const { givesAsHeld } = this.#options;
    return expiresAt === 0 && (givesAsHeld === undefined || givesAsHeld(value));
  }

  #drop(key: string): void {
    if (this.#l1.delete(key)) this.#options.stats.drops += 1;
  }

  #sameImage(slot: number, image: Installable): boolean {
    const value = this.#l1.valueAt(slot);
    if (value === undefined || image.value === undefined) return value === image.value;
    const writeId = this.#l1.writeIdAt(slot);
    return writeId !== null && writeId === image.writeId && this.#options.sameValue(value, image.value);
  }
}

/** What an event is compared with, read where it stands. */
class Row implements DecidableEntry {
  readonly #l1: L1;
  #slot = none;

  constructor(l1: L1) {
    this.#l1 = l1;
  }

  at(slot: number): this {
    this.#slot = slot;
    return this;
  }

  get value(): unknown {
    return this.#l1.valueAt(this.#slot);
  }

  get writeId(): string | null {
    return this.#l1.writeIdAt(this.#slot);
  }

  get stampUs(): number {
    return this.#l1.stampAt(this.#slot);
  }

  get readAt(): number {
    return this.#l1.readTimeAt(this.#slot);
  }
}

/** The fast lane leaves out a large value: no value there says nothing about what the item holds. */
function lacksItsValue(event: CdcEvent): boolean {
  return event.lane === 'fast' && event.value === null && event.kind !== 'remove';
}
