import {
  Coherence,
  type CoherenceOptions,
  type Entry,
  type Fence,
  type Image,
  type Installable,
  isUntouched,
  KnownSet,
  type L1,
  newCacheStats,
  none,
  type PartitionState,
  SteppedBack,
  TableFollower,
} from '@tidemark/cache/internals';
import { type KeyOptions } from './key-options.js';
import {
  type Fill,
  type Following,
  type Held,
  idFrom,
  type KeyState,
  lastOf,
  microseconds,
  ownIds,
  rankOf,
  sorted,
  type OwnWrite,
  stampFrom,
  textOf,
  imageAt,
} from './key-state.js';

export const key = 'k';

/** The shipped objects of one pod in one state. */
export interface Awake {
  readonly coherence: Coherence;
  readonly follower: TableFollower;
  readonly l1: OneEntry;
  readonly known: KnownSet;
  readonly steppedBack: RankedIds;
  /** In the order of the state's fills. */
  readonly fills: Fence[];
  write: Fence | undefined;
}

export type Act = (pod: Awake) => void;

/** Room for one entry. The protocol asks nothing of L1 but to keep or lose an entry, so least recently used is left out. */
export class OneEntry implements L1 {
  held: Entry | undefined;

  use(): number {
    return this.find();
  }

  find(): number {
    return this.held === undefined ? none : 0;
  }

  valueAt(): unknown {
    return this.held?.value;
  }

  writeIdAt(): string | null {
    return this.held?.writeId ?? null;
  }

  stampAt(): number {
    return this.held?.stampUs ?? 0;
  }

  expiryAt(): number {
    return this.held?.expiresAt ?? 0;
  }

  readTimeAt(): number {
    return this.held?.readAt ?? 0;
  }

  partitionAt(): number {
    return this.held?.partition ?? 0;
  }

  peek(): Entry | undefined {
    return this.held;
  }

  replace(_slot: number, image: Image): void {
    if (this.held !== undefined) this.held = { ...this.held, ...image };
  }

  stamp(_slot: number, stampUs: number): void {
    if (this.held !== undefined && stampUs > this.held.stampUs) this.held = { ...this.held, stampUs };
  }

  noteRead(_slot: number, readAt: number): void {
    if (this.held !== undefined && readAt > this.held.readAt) this.held = { ...this.held, readAt };
  }

  markUnasked(): void {
    // Which keys are published is not a matter of the protocol.
  }

  keySlices(): IterableIterator<readonly string[]> {
    return [this.held === undefined ? [] : [key]].values();
  }

  set(_key: string, entry: Entry): void {
    this.held = entry;
  }

  delete(): boolean {
    const had = this.held !== undefined;
    this.held = undefined;
    return had;
  }

  deletePartition(partition: number): number {
    const isOfIt = this.held !== undefined && (this.held.partition === partition || this.held.partition < 0);
    return isOfIt && this.delete() ? 1 : 0;
  }

  clear(): number {
    return this.delete() ? 1 : 0;
  }

  get entries(): number {
    return this.held === undefined ? 0 : 1;
  }

  readonly bytes = 0;
}

/** Write ids whose order is that of their ranks in a state. */
export class RankedIds extends SteppedBack {
  /** The state that tells the ranks. */
  state: KeyState;

  constructor(state: KeyState) {
    super();
    this.state = state;
  }

  protected override isBelow(a: string, b: string): boolean {
    return rankOf(this.state, idFrom(a)) < rankOf(this.state, idFrom(b));
  }
}

/**
 * Makes the shipped pod of a state, lets something be done to it, and reads what it is then. All that the classes hide can be brought
 * about through what they offer: an entry is set, a known write id added, a fence opened and marked.
 */
export class KeyPod {
  readonly #options: KeyOptions;
  readonly #follower: TableFollower;
  readonly #partition: { readonly index: number; readonly state: PartitionState };
  /** Whether the partitions of the table are known to the pod that is awake. */
  #isFollowing = true;
  readonly #base: Omit<CoherenceOptions, 'l1' | 'known'>;

  constructor(options: KeyOptions) {
    this.#options = options;
    this.#follower = newFollower();
    const partition = this.#follower.partitionOf('things:k');
    if (partition === undefined) throw new Error('the table is not followed');
    this.#partition = partition;
    this.#base = {
      stats: newCacheStats(),
      mode: options.mode ?? 'update',
      partitionOf: () => (this.#isFollowing ? this.#partition : undefined),
      hold: (event) => ({ value: event.value?.[0], bytes: 1 }),
      sameValue: (a, b) => a === b,
    };
  }

  /** `moved`: the state that the act is about. */
  act(state: KeyState, moved: number, act: Act): KeyState {
    const pod = this.wake(state);
    act(pod);
    return this.read(pod, state, moved);
  }

  wake(state: KeyState): Awake {
    const l1 = new OneEntry();
    if (state.held !== null) l1.held = entryOf(state.held);
    const known = new KnownSet();
    for (let id = 1; state.known >>> id !== 0; id += 1)
      if (((state.known >>> id) & 1) === 1) known.add(textOf(id) ?? '');
    const steppedBack = new RankedIds(state);
    if (state.steppedBack !== 0) steppedBack.note(key, { from: textOf(state.steppedBack), to: null });
    if (state.written !== 0) steppedBack.noteWritten(key, textOf(state.written) ?? '');
    const options: CoherenceOptions = { ...this.#base, l1, known, steppedBack };
    const coherence = this.#options.make?.(options, known) ?? new Coherence(options);
    this.#follower.addCache('things', coherence);
    const fills = state.fills.map((fill) => this.#reopened(fill, () => coherence.beginFill(key)));
    const write = state.write === null ? undefined : this.beginWrite(coherence, state.write);
    this.follow(state.following);
    return { coherence, follower: this.#follower, l1, known, steppedBack, fills, write };
  }

  read(pod: Awake, before: KeyState, moved: number): KeyState {
    const { fills, write } = before;
    const nowFills: Fill[] = [];
    for (const [at, fence] of pod.fills.entries()) {
      const fill = fills[at];
      if (fill !== undefined) nowFills.push(isUntouched(fence) || fill.touched ? fill : { ...fill, touched: true });
    }
    const touched = write !== null && (pod.write === undefined || !isUntouched(pod.write));
    return {
      ...before,
      held: this.#held(pod, before, moved),
      known: this.#knownTo(pod.known, before),
      steppedBack: idFrom(pod.steppedBack.highest(key) ?? null),
      written: idFrom(pod.steppedBack.written(key) ?? null),
      fills: sorted(nowFills),
      write: touched && !write.touched ? { ...write, touched: true } : write,
    };
  }

  /** What the pod that is awake follows from now on. */
  follow(following: Following): void {
    const hasNoGate = this.#options.fault === 'no-gate';
    this.#isFollowing = following !== 'nothing' || hasNoGate;
    const { state } = this.#partition;
    state.followed = following === 'watermarks' || hasNoGate ? 'a' : undefined;
    if (following !== 'watermarks') state.since.clear();
  }

  beginWrite(coherence: Coherence, write: OwnWrite): Fence {
    const id = write.isDelete && this.#options.deletes !== 'tombstone' ? undefined : (textOf(write.id) ?? undefined);
    return this.#reopened(write, () => coherence.beginWrite(key, id));
  }

  #reopened(fence: Pick<Fill, 'followed' | 'touched'>, open: () => Fence): Fence {
    this.follow(fence.followed);
    const opened = open();
    opened.dirty = fence.touched;
    return opened;
  }

  /** Which state the entry is: what was moved, unless it is the one from before. */
  #held(pod: Awake, before: KeyState, moved: number): Held | null {
    const entry = pod.l1.held;
    if (entry === undefined) return null;
    const { held } = before;
    const value = typeof entry.value === 'number' ? entry.value : 0;
    const id = idFrom(entry.writeId);
    const stamp = stampFrom(entry.stampUs);
    const { readAt } = entry;
    if (held !== null && held.value === value && held.id === id) {
      if (held.stamp === stamp && held.readAt === readAt && held.at >= moved) return held;
      const at = value === imageAt(before, moved).value ? Math.max(held.at, moved) : held.at;
      return { at, value, id, stamp, readAt };
    }
    return { at: moved, value, id, stamp, readAt };
  }

  #knownTo(known: KnownSet, { log, minted }: KeyState): number {
    let mask = 0;
    if (known.size === 0) return mask;
    for (let id = 1; id < log.length; id += 1) if (known.has(textOf(id))) mask |= 1 << id;
    for (let id = ownIds; id < ownIds + minted; id += 1) if (known.has(textOf(id))) mask |= 1 << id;
    return mask;
  }
}

/** An image as L2 gives it. */
export function imageOf(state: KeyState, index: number, readAt: number): Installable {
  const { value, id } = imageAt(state, Math.min(index, lastOf(state)));
  const isAbsent = value === 0;
  return {
    value: isAbsent ? undefined : value,
    writeId: isAbsent ? null : textOf(id),
    expiresAt: 0,
    readAt,
    bytes: 1,
  };
}

function entryOf({ value, id, stamp, readAt }: Held): Entry {
  return {
    value: value === 0 ? undefined : value,
    isPlain: true,
    writeId: textOf(id),
    stampUs: microseconds(stamp),
    expiresAt: 0,
    readAt,
    partition: 0,
    source: 'fill',
  };
}

function newFollower(): TableFollower {
  const follower = new TableFollower('things', () => undefined);
  follower.applyRoute({
    table: 'things',
    version: 1,
    writerEpoch: 1,
    topics: { a: 1 },
    deleted: false,
    changedAt: 0,
    changedBy: 'model',
  });
  follower.setPartitionCount(1);
  follower.applyWatermark('a', 0, 1, 1);
  return follower;
}
