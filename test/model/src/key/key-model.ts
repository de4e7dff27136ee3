import { type CdcEvent } from '@tidemark/protocol';
import { type Model, type Visit } from '../explore/explore.js';
import { type Budget, budgets, type KeyOptions } from './key-options.js';
import { imageOf, KeyPod } from './key-pod.js';
import { problemOf } from './key-problem.js';
import {
  absent,
  admits,
  eventTo,
  type Fill,
  highestRank,
  type Image,
  imageAt,
  isOlder,
  type KeyState,
  lastOf,
  type LateWrite,
  members,
  microseconds,
  type OwnWrite,
  ownIds,
  ranked,
  restorable,
  sorted,
  stampOf,
} from './key-state.js';

/**
 * One key of one replica, the events of its changes in any order and more than once, and one pod that reads and writes it. The pod is the
 * shipped code; replica, pipeline and callers are modelled.
 */
export class KeyModel implements Model<KeyState> {
  readonly initial: KeyState;
  readonly #options: KeyOptions;
  readonly #pod: KeyPod;

  /** `pod`: makes and reads the shipped objects. */
  constructor(options: KeyOptions, pod = new KeyPod(options)) {
    this.#options = options;
    this.#pod = pod;
    this.initial = {
      log: [absent],
      pending: 0,
      fast: 0,
      budget: budgets.map((budget) => options[budget] ?? 0),
      held: null,
      known: 0,
      steppedBack: 0,
      written: 0,
      fills: [],
      write: null,
      late: null,
      following: 'watermarks',
      minted: 0,
      floor: 0,
      fault: null,
    };
  }

  next(state: KeyState, visit: Visit<KeyState>): void {
    if (lastOf(state) < this.#options.writes) {
      this.#othersWrite(state, visit);
      this.#strangersWrite(state, visit);
      this.#anotherRegionReturns(state, visit);
    }
    if (state.write === null) this.#ownWriteBegins(state, visit);
    else this.#ownWriteGoesOn(state, state.write, visit);
    if (state.late !== null) this.#lateWrite(state, state.late, visit);
    this.#fillsBegin(state, visit);
    for (const [at, fill] of state.fills.entries()) this.#fillGoesOn(state, at, fill, visit);
    this.#deliveries(state, visit);
    this.#accidents(state, visit);
  }

  problem(state: KeyState): string | undefined {
    return problemOf(state, this.#options);
  }

  describe({ held, fills, write }: KeyState): string {
    const parts: string[] = [];
    if (held !== null) parts.push(`holds #${held.at}${held.value === 0 ? ', nothing' : ''}`);
    for (const { read, touched } of fills)
      parts.push(`fill ${read < 0 ? '' : `of #${read} `}${touched ? 'dirty' : 'clean'}`);
    if (write?.touched === true) parts.push('own write dirty');
    return parts.join('; ');
  }

  #spent(state: KeyState, budget: Budget): KeyState | undefined {
    const at = budgets.indexOf(budget);
    const left = state.budget[at] ?? 0;
    return left === 0 ? undefined : { ...state, budget: state.budget.with(at, left - 1) };
  }

  #committed(state: KeyState, image: Image): KeyState {
    const log = [...state.log, image];
    return ranked({ ...state, log, pending: state.pending | (1 << (log.length - 1)) });
  }

  #othersWrite(state: KeyState, visit: Visit<KeyState>): void {
    const { deletes, lowerIds = false, fast = false } = this.#options;
    const next = lastOf(state) + 1;
    const now = imageAt(state, next - 1);
    const rank = highestRank(state) + 1;
    const put: Image = { exists: true, id: next, value: next, rank };
    const write = (verb: string, image: Image): void => {
      const after = this.#committed(state, image);
      visit(fast ? { ...after, fast: after.fast | (1 << next) } : after, `another pod ${verb} #${next}`);
    };
    write('puts', put);
    // Half a place lower: between its neighbours, until ranks are numbered anew.
    if (lowerIds && now.rank > 0) write('puts, with a lower id,', { ...put, rank: now.rank - 0.5 });
    if (deletes === 'tombstone' && now.value !== 0) write('marks as deleted', { ...put, value: 0 });
    if (deletes === 'remove' && now.exists) write('deletes', absent);
  }

  /** Writes whose image has no write id of its own, so that nothing of them goes through the fast lane. */
  #strangersWrite(state: KeyState, visit: Visit<KeyState>): void {
    const { foreign = [], leases = false } = this.#options;
    const next = lastOf(state) + 1;
    const now = imageAt(state, next - 1);
    const write = (who: string, image: Image): void => visit(this.#committed(state, image), `${who} #${next}`);
    if (leases && now.value === 0) write('another pod leases', { ...now, exists: true });
    if (foreign.includes('keep') && now.value !== 0) write('a stranger updates', { ...now, value: next });
    if (foreign.includes('touch') && now.exists) write('a stranger touches', now);
    if (foreign.includes('null')) write('a stranger puts', { exists: true, id: 0, value: next, rank: 0 });
    if (foreign.includes('restore'))
      for (const old of restorable(state)) write(`a tool restores #${old.value} as`, old);
  }

  /** An update in place of another region kept the id of an older image, and won: replication brings that image back. */
  #anotherRegionReturns(state: KeyState, visit: Visit<KeyState>): void {
    const { returns, returnsOver } = this.#options;
    if (returns === undefined) return;
    const next = lastOf(state) + 1;
    if (returnsOver === 'own' && !isOwnAndAcknowledged(state, imageAt(state, next - 1))) return;
    for (const old of restorable(state)) {
      const bring = (verb: string, image: Image): void =>
        visit(this.#committed(state, image), `another region ${verb} #${next}`);
      if (old.value === 0) bring('brings a leased item back as', old);
      else if (returns !== 'leases') bring(`brings the value of #${old.value} back as`, old);
      if (old.value !== 0 && returns === 'updates')
        bring('brings an older id back with a new value as', { ...old, value: next });
    }
  }

  #ownWriteBegins(state: KeyState, visit: Visit<KeyState>): void {
    const begun = this.#spent(state, 'ownWrites');
    if (begun === undefined) return;
    for (const isDelete of this.#options.deletes === undefined ? [false] : [false, true]) {
      const { following, minted } = state;
      const again = this.#options.fault === 'same-id' && state.late !== null && !isDelete ? state.late : undefined;
      const id = again?.id ?? ownIds + minted;
      const rank = again?.rank ?? highestRank(state) + 1;
      const write: OwnWrite = {
        id,
        rank,
        isDelete,
        state: 0,
        began: lastOf(state),
        followed: following,
        touched: false,
      };
      visit({ ...begun, minted: again === undefined ? minted + 1 : minted, write }, `own ${noun(isDelete)} begins`);
    }
  }

  #ownWriteGoesOn(state: KeyState, write: OwnWrite, visit: Visit<KeyState>): void {
    const name = `own ${noun(write.isDelete)}`;
    const ends = (verb: string, after: KeyState, late: LateWrite | null = state.late): void =>
      visit({ ...after, write: null, late }, `${name} ${verb}`);
    const failed = (): KeyState =>
      toldTheTruth(this.#pod.act(state, 0, ({ coherence, write: fence }) => fence && coherence.failWrite(fence)));
    if (write.state > 0) {
      ends(`#${write.state} is acknowledged`, this.#acknowledged(state, write));
      ends(`#${write.state} loses its answer`, failed());
      return;
    }
    const isAdmitted = admits(imageAt(state, lastOf(state)), write.rank);
    if (isAdmitted && lastOf(state) < this.#options.writes) {
      const after = this.#committedOwn(state, write);
      const commit = { ...after, write: { ...(after.write ?? write), state: lastOf(after) } };
      if (commit.write.state > 0) visit(commit, `${name} commits as #${lastOf(after)}`);
    }
    if (!isAdmitted) ends('is refused', failed());
    const cancelled = this.#pod.act(state, 0, ({ coherence, write: fence }) => fence && coherence.cancelWrite(fence));
    ends('is not sent', cancelled);
    const { id, rank, isDelete } = write;
    if (this.#options.late === true && state.late === null) ends('times out', failed(), { id, rank, isDelete });
  }

  #committedOwn(state: KeyState, { id, rank, isDelete }: LateWrite): KeyState {
    const isMarked = this.#options.deletes === 'tombstone';
    if (!isDelete) return this.#committed(state, { exists: true, id, value: lastOf(state) + 1, rank });
    if (isMarked) return this.#committed(state, { exists: true, id, value: 0, rank });
    return imageAt(state, lastOf(state)).exists ? this.#committed(state, absent) : state;
  }

  #acknowledged(state: KeyState, write: OwnWrite): KeyState {
    const { fast = false, deletes } = this.#options;
    const { began, state: index, isDelete } = write;
    const after = this.#pod.act(state, index, ({ coherence, write: fence }) => {
      if (fence === undefined) return;
      if (isDelete) coherence.completeDelete(fence, began);
      else coherence.completePut(fence, imageOf(state, index, began));
    });
    const isPublished = fast && (!isDelete || deletes === 'tombstone');
    return {
      ...after,
      fast: isPublished ? after.fast | (1 << index) : after.fast,
      floor: Math.max(after.floor, index),
    };
  }

  #lateWrite(state: KeyState, late: LateWrite, visit: Visit<KeyState>): void {
    if (lastOf(state) < this.#options.writes && admits(imageAt(state, lastOf(state)), late.rank))
      visit({ ...this.#committedOwn(state, late), late: null }, `the ${noun(late.isDelete)} that timed out commits`);
    visit({ ...state, late: null }, `the ${noun(late.isDelete)} that timed out never commits`);
  }

  #fillsBegin(state: KeyState, visit: Visit<KeyState>): void {
    const { forced = false, fault } = this.#options;
    const joinable = state.fills.length === 0 ? [] : this.#joinable(state);
    const isMiss = state.held === null;
    for (const [at, fill] of state.fills.entries()) {
      const min = fault === 'forced-joins' ? lastOf(state) : isMiss ? state.floor : 0;
      if (joinable[at] === true && fill.min < min)
        visit({ ...state, fills: replaced(state.fills, at, { ...fill, min }) }, 'a get joins the fill');
    }
    const begun = this.#spent(state, 'fills');
    if (begun === undefined) return;
    const fill: Fill = {
      read: -1,
      min: state.floor,
      began: lastOf(state),
      followed: state.following,
      touched: false,
    };
    if (isMiss && !joinable.includes(true)) visit({ ...begun, fills: sorted([fill, ...state.fills]) }, 'a fill begins');
    else if (forced)
      visit({ ...begun, fills: sorted([{ ...fill, min: lastOf(state) }, ...state.fills]) }, 'a forced fill begins');
  }

  #joinable(state: KeyState): boolean[] {
    const { coherence, fills } = this.#pod.wake(state);
    return fills.map((fence) => coherence.joinable(fence));
  }

  #fillGoesOn(state: KeyState, at: number, fill: Fill, visit: Visit<KeyState>): void {
    if (fill.read < 0) {
      const read = Math.max(0, lastOf(state) - (this.#options.fault === 'weak-reads' ? 1 : 0));
      visit({ ...state, fills: replaced(state.fills, at, { ...fill, read }) }, `a fill reads #${read}`);
      return;
    }
    const { read, min } = fill;
    const readAt = this.#options.fault === 'late-readAt' ? lastOf(state) : fill.began;
    const after = this.#pod.act(state, read, (pod) => {
      const [fence] = pod.fills.splice(at, 1);
      if (fence !== undefined) pod.coherence.completeFill(fence, imageOf(state, read, readAt));
    });
    const isWrong = isOlder(state, read, min);
    const floor = isWrong ? after.floor : Math.max(after.floor, read);
    const fault = isWrong ? `I2/I4: a get returned #${read}, after #${min}` : after.fault;
    visit({ ...after, floor, fault }, `a fill of #${read} ends`);
  }

  #deliveries(state: KeyState, visit: Visit<KeyState>): void {
    const pending = members(state.pending);
    for (const index of this.#options.inOrder === true ? pending.slice(0, 1) : pending) {
      const before = { ...state, pending: state.pending & ~(1 << index) };
      this.#deliver(before, 'event', eventTo(state, index, this.#options.offStamp), index, visit);
    }
    for (const index of members(state.fast)) {
      const before = { ...state, fast: state.fast & ~(1 << index) };
      this.#deliver(before, 'fast event', this.#fastEvent(state, index), index, visit);
    }
    const again = this.#spent(state, 'duplicates');
    if (again === undefined) return;
    for (let index = 1; index <= lastOf(state); index += 1) {
      if (((state.pending >>> index) & 1) === 1) continue;
      this.#deliver(again, 'duplicate event', eventTo(state, index, this.#options.offStamp), index, visit);
      if (this.#options.fast === true && imageAt(state, index).id >= ownIds && ((state.fast >>> index) & 1) === 0)
        this.#deliver(again, 'duplicate fast event', this.#fastEvent(state, index), index, visit);
    }
  }

  #deliver(before: KeyState, what: string, event: CdcEvent, index: number, visit: Visit<KeyState>): void {
    if (before.following === 'nothing') return visit(before, `${what} passes unheard, #${index}`);
    const after = this.#pod.act(before, index, ({ follower }) => follower.applyEvent('a', 0, event));
    visit({ ...after, floor: Math.max(after.floor, index) }, `${what} #${index}`);
  }

  #fastEvent(state: KeyState, index: number): CdcEvent {
    const { fastWithoutValue = false, fault, offStamp } = this.#options;
    const recorded = eventTo(state, index, offStamp);
    const stampUs = fault === 'fast-stamps' ? microseconds(stampOf(index, offStamp) + 8) : null;
    return { ...recorded, lane: 'fast', position: null, stampUs, value: fastWithoutValue ? null : recorded.value };
  }

  #accidents(state: KeyState, visit: Visit<KeyState>): void {
    const given = (budget: Budget, verb: string, change: (spent: KeyState) => KeyState): void => {
      const spent = this.#spent(state, budget);
      if (spent !== undefined) visit(change(spent), verb);
    };
    if (state.held !== null) given('evictions', 'the entry is evicted', (spent) => ({ ...spent, held: null }));
    if (state.known !== 0) given('forgets', 'the known-set forgets', (spent) => ({ ...spent, known: 0 }));
    if (state.following !== 'nothing') this.#controlRecords(state, given);
    given('restarts', 'the pod starts anew', (spent) => ({ ...spent, ...newPod, late: orphan(spent) }));
    if (state.following === 'nothing') visit({ ...state, following: 'positions' }, 'positions are fixed');
    if (state.following === 'positions') visit(this.#firstWatermark(state), 'the first watermark');
  }

  #controlRecords(
    state: KeyState,
    given: (budget: Budget, verb: string, change: (spent: KeyState) => KeyState) => void,
  ): void {
    given('invalidations', 'the key is invalidated', (spent) =>
      toldTheTruth(this.#pod.act(spent, 0, ({ follower }) => follower.invalidate('things:k'))),
    );
    for (const lost of lossesOf(state.pending)) {
      const pending = state.pending & ~lost;
      const what = members(lost).map((index) => `#${index}`);
      given('gaps', `events ${what.join(' ')} are lost, and the gap is seen`, (spent) =>
        toldTheTruth(this.#pod.act({ ...spent, pending }, 0, ({ follower }) => follower.flushPartition('a', 0, 'gap'))),
      );
    }
  }

  #firstWatermark(state: KeyState): KeyState {
    if (this.#options.fault === 'no-gate') return { ...state, following: 'watermarks' };
    const after = this.#pod.act(state, 0, ({ follower }) => follower.applyWatermark('a', 0, 1, 1));
    return toldTheTruth({ ...after, following: 'watermarks' });
  }
}

const newPod = {
  held: null,
  known: 0,
  steppedBack: 0,
  written: 0,
  fills: [],
  write: null,
  following: 'nothing',
  floor: 0,
} as const satisfies Partial<KeyState>;

function isOwnAndAcknowledged({ known }: KeyState, { id }: Image): boolean {
  return id >= ownIds && ((known >>> id) & 1) === 1;
}

/** Whatever was held is in doubt and gone: what a get returns from now on was read from now on. */
function toldTheTruth(state: KeyState): KeyState {
  return { ...state, floor: lastOf(state) };
}

/** What the pod had sent when it ended may still commit. */
function orphan({ late, write }: KeyState): LateWrite | null {
  if (late !== null || write === null || write.state > 0) return late;
  const { id, rank, isDelete } = write;
  return { id, rank, isDelete };
}

function noun(isDelete: boolean): string {
  return isDelete ? 'delete' : 'put';
}

function replaced(fills: readonly Fill[], at: number, fill: Fill): Fill[] {
  return sorted(fills.with(at, fill));
}

/** Each event alone, and all of them. */
function lossesOf(pending: number): number[] {
  const alone = members(pending).map((index) => 1 << index);
  return alone.length > 1 ? [...alone, pending] : alone;
}
