import { type Model, type Visit } from '../explore/explore.js';
import { type LoadOptions } from './load-options.js';
import { type Awake, eventTo, LoadPod } from './load-pod.js';
import { type LoadRules, shippedRules } from './load-rules.js';
import { LoadRuns } from './load-run.js';
import {
  absent,
  type ConditionType,
  idFrom,
  idTextOf,
  imageOf,
  isLiveAt,
  isOlder,
  type Item,
  lastOf,
  type Late,
  type LoadState,
  msOf,
  ownerOf,
  type Pod,
  type Put,
  withClock,
} from './load-state.js';
import { committed, LoadStore } from './load-store.js';
import { isWriting, withLate, withPod } from './placed-run.js';

const loadedBy = { lease: 0, until: 0, loaded: false } as const;

/**
 * One item of one replica, pods that load it, put it and delete it, writers without Tidemark, answers that are lost, requests that take
 * effect late, and time. What is decided is decided by the shipped functions; the loops around them, L2 and the network are modelled.
 */
export class LoadModel implements Model<LoadState> {
  readonly initial: LoadState;
  readonly #options: LoadOptions;
  readonly #rules: LoadRules;
  readonly #store: LoadStore;
  readonly #l1: LoadPod;
  readonly #runs: LoadRuns;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#rules = { ...shippedRules, ...options.rules };
    this.#store = new LoadStore(this.#rules, options.fault);
    this.#l1 = new LoadPod(options);
    this.#runs = new LoadRuns(options, this.#rules, this.#store, this.#l1);
    const { foreigns = 0, lost = 0, crashes = 0, l1 = false } = options;
    const pods = options.calls.map((calls, p): Pod => {
      const [puts, removals] = [options.puts?.[p] ?? 0, options.removals?.[p] ?? 0];
      const unused = { isAlive: true, counter: -1, attempts: 0, granted: 0, excused: 0 };
      return { ...unused, calls, puts, removals, runs: [], put: null };
    });
    this.initial = {
      ...{ item: absent, writes: 0, now: 1, pods, late: [], foreigns, lost, crashes },
      log: l1 ? [{ exists: false, id: 0, value: 0 }] : [],
      ...{ pending: 0, held: null, known: 0, floor: 0, fault: null },
    };
  }

  next(state: LoadState, visit: Visit<LoadState>): void {
    this.#runs.next(state, visit);
    for (const [p, pod] of state.pods.entries()) {
      if (!pod.isAlive) continue;
      if (pod.put === null) this.#putBegins(state, p, pod, visit);
      else this.#putGoesOn(state, p, pod, pod.put, visit);
      this.#crashes(state, p, pod, visit);
    }
    this.#strangersWrite(state, visit);
    this.#lateOnesArrive(state, visit);
    this.#events(state, visit);
    this.#timePasses(state, visit);
  }

  problem(state: LoadState): string | undefined {
    return state.fault ?? leftStanding(state) ?? heldWrongly(state);
  }

  describe({ item, pods, now, held }: LoadState): string {
    const lease = item.lease === 0 ? '' : ` leased to pod ${ownerOf(item.lease).pod} until ${item.until}`;
    const runs = pods.map(({ runs }) => runs.map(({ phase }) => phase).join(' and ') || '-').join(', ');
    const value = item.value === 0 ? (item.exists ? 'no value' : 'nothing') : `write #${item.value}`;
    return `now ${now}; ${value}${lease}; ${runs}${held === null ? '' : `; holds #${held.at}`}`;
  }

  #putBegins(state: LoadState, p: number, pod: Pod, visit: Visit<LoadState>): void {
    if (isWriting(pod)) return;
    for (const isDelete of [false, true]) {
      const left = isDelete ? pod.removals : pod.puts;
      if (left === 0) continue;
      const spent = isDelete ? { ...pod, removals: left - 1 } : { ...pod, puts: left - 1 };
      const what = `pod ${p} ${isDelete ? 'deletes' : 'puts'}`;
      if (isDelete && this.#options.fault === 'skipped-delete' && !isLiveAt(state.item, state.now)) {
        visit({ ...withPod(state, p, spent), writes: state.writes + 1 }, `${what}, and finds nothing to send it for`);
        continue;
      }
      const [attempt, counter] = withClock(p, pod.counter, (clock) =>
        this.#rules.firstAttempt({ type: 'replace' }, clock, msOf(state.now)),
      );
      const put: Put = {
        ...{ isDelete, id: idFrom(attempt.writeId), condition: 'newer', winners: 0, realWinners: 0 },
        ...{ index: 0, touched: false },
      };
      visit(withPod(state, p, { ...spent, counter, put }), what);
    }
  }

  #putGoesOn(state: LoadState, p: number, pod: Pod, put: Put, visit: Visit<LoadState>): void {
    const what = `pod ${p}’s ${put.isDelete ? 'delete' : 'put'}`;
    const isL1 = p === 0 && this.#options.l1 === true;
    const over = (after: LoadState): LoadState => withPod(after, p, { ...(after.pods[p] ?? pod), put: null });
    if (put.index > 0) {
      visit(over(this.#acknowledged(state, put)), `${what} #${put.index} is acknowledged`);
      if (state.lost > 0) visit(over(this.#failed({ ...state, lost: state.lost - 1 }, p)), `${what} loses its answer`);
      return;
    }
    if (this.#store.admits(state.item, put.condition, put.id, 0)) {
      const after = this.#written(state, put.isDelete, put.id);
      const made = isL1 ? withPod(after, p, { ...pod, put: { ...put, index: lastOf(after) } }) : over(after);
      visit(made, `${what} is made`);
    } else this.#refused(state, p, pod, put, visit);
    if (state.lost === 0) return;
    const late: Late = {
      ...{ type: put.isDelete ? 'delete' : 'put', pod: p, lease: 0, at: 0, id: put.id, condition: put.condition },
      since: 0,
    };
    const lost = { ...state, lost: state.lost - 1, late: withLate(state.late, late) };
    visit(over(this.#failed(lost, p)), `${what} is not heard of again`);
  }

  /** As the writer's loop goes on: past the winner's id, until two real writes have won. */
  #refused(state: LoadState, p: number, pod: Pod, put: Put, visit: Visit<LoadState>): void {
    const { item, now } = state;
    const [refusal, counter] = withClock(p, pod.counter, (clock) =>
      this.#rules.afterRefusal({ type: 'replace' }, imageOf(item), clock, msOf(now)),
    );
    const failed = this.#failed(state, p);
    const what = `pod ${p}’s ${put.isDelete ? 'delete' : 'put'}`;
    if (refusal.type === 'ended') throw new Error('a put without a condition of its own has ended');
    const realWinners = put.realWinners + (item.loaded || item.lease !== 0 ? 0 : 1);
    const winners = put.winners + (refusal.final ? 1 : 0);
    const isOver = winners >= 2;
    const { writeId, condition } = refusal.attempt;
    const again: Put = {
      ...{ ...put, id: idFrom(writeId), condition: conditionOf(condition.type), winners, realWinners, touched: false },
    };
    const after = withPod(failed, p, { ...(failed.pods[p] ?? pod), counter, put: isOver ? null : again });
    const fault = isOver && realWinners < 2 ? `a put gives way to ${realWinners} other write` : after.fault;
    visit({ ...after, fault }, `${what} is refused${isOver ? ', and gives way' : ', and goes past'}`);
  }

  #written(state: LoadState, isDelete: boolean, id: number): LoadState {
    const { item, now, writes } = state;
    const { deletes, expires } = this.#options;
    if (isDelete) return committed(state, this.#store.deleted(item, id, deletes === 'tombstone'), true);
    const image = { ...loadedBy, exists: true, id, value: writes + 1, expires: expires === true ? now + 1 : 0 };
    return committed(state, image, true);
  }

  #acknowledged(state: LoadState, { index, isDelete, id }: Put): LoadState {
    const after = this.#acts(state, index, ({ coherence, put }) => {
      const image = { value: state.log[index]?.value, writeId: idTextOf(id), expiresAt: 0, readAt: 0, bytes: 1 };
      if (put !== undefined && isDelete) coherence.completeDelete(put, 0);
      else if (put !== undefined) coherence.completePut(put, image);
    });
    return { ...after, floor: Math.max(after.floor, index) };
  }

  #failed(state: LoadState, p: number): LoadState {
    if (p !== 0 || this.#options.l1 !== true) return state;
    const after = this.#acts(state, 0, ({ coherence, put }) => put !== undefined && coherence.failWrite(put));
    return { ...after, floor: lastOf(after) };
  }

  #acts(state: LoadState, moved: number, act: (pod: Awake) => void): LoadState {
    return this.#l1.act(state, moved, act);
  }

  #strangersWrite(state: LoadState, visit: Visit<LoadState>): void {
    if (state.foreigns === 0) return;
    const { item, writes } = state;
    const write = (verb: string, after: Item): void =>
      visit({ ...committed(state, after, true), foreigns: state.foreigns - 1 }, `a stranger ${verb}`);
    const value = writes + 1;
    for (const kind of this.#options.foreign ?? [])
      switch (kind) {
        case 'update':
          write('updates', { ...item, exists: true, value, expires: 0 });
          break;
        case 'put':
          write('puts', { ...absent, exists: true, value });
          break;
        case 'malformed':
          write('puts, with a write id that is none,', { ...absent, exists: true, id: -1, value });
          break;
        case 'strip':
          if (item.value !== 0) write('takes the value away', { ...item, value: 0, expires: 0 });
          break;
        case 'remove':
          if (item.exists) write('removes the item', absent);
      }
  }

  #lateOnesArrive(state: LoadState, visit: Visit<LoadState>): void {
    for (const [at, late] of state.late.entries()) {
      const arrived = { ...state, late: state.late.filter((_, other) => other !== at) };
      const isWrite = late.type === 'put' || late.type === 'delete';
      const after = isWrite ? this.#lateWrite(arrived, late) : this.#runs.arrives(arrived, late);
      if (after !== undefined) visit(after, `the late ${late.type} of pod ${late.pod} is made`);
    }
  }

  #lateWrite(state: LoadState, { type, condition, id }: Late): LoadState | undefined {
    return this.#store.admits(state.item, condition, id, 0) ? this.#written(state, type === 'delete', id) : undefined;
  }

  #crashes(state: LoadState, p: number, pod: Pod, visit: Visit<LoadState>): void {
    if (state.crashes === 0) return;
    const orphans = this.#runs.orphans(pod, p);
    const late = orphans.reduce(withLate, state.late);
    const gone: Pod = { ...pod, isAlive: false, runs: [], put: null, calls: 0, puts: 0, removals: 0 };
    const after = { ...withPod(state, p, gone), late, crashes: state.crashes - 1 };
    visit(p === 0 ? { ...after, held: null, known: 0, pending: 0 } : after, `pod ${p} ends at once`);
  }

  #events(state: LoadState, visit: Visit<LoadState>): void {
    for (let at = 1; state.pending >>> at !== 0; at += 1) {
      if (((state.pending >>> at) & 1) === 0) continue;
      const before = { ...state, pending: state.pending & ~(1 << at) };
      const after = this.#acts(before, at, ({ coherence }) => coherence.applyEvent('k', eventTo(state, at)));
      visit({ ...after, floor: Math.max(after.floor, at) }, `event #${at}`);
    }
  }

  /** Who waits for a lease has looked at it in every tick; a tick after its end nobody waits for it any more. */
  #timePasses(state: LoadState, visit: Visit<LoadState>): void {
    const { now, pods } = state;
    if (now >= this.#options.ticks) return;
    const waiting = pods.flatMap(({ runs }) => runs.filter(({ phase }) => phase === 'waiting'));
    if (waiting.some(({ at }) => at < now)) return;
    const stuck = waiting.find(({ until }) => until <= now);
    const fault = stuck === undefined ? state.fault : `a call waits for a lease that ended at ${stuck.until}`;
    visit(this.#runs.ticked({ ...state, now: now + 1, fault }), `time ${now + 1}`);
  }
}

function conditionOf(type: string): ConditionType {
  return type === 'replaces' ? 'replaces' : 'newer';
}

/** A lease that nobody will install under, of a pod that lives and had every answer. */
function leftStanding({ item, now, pods }: LoadState): string | undefined {
  if (item.lease === 0 || item.until <= now || item.value !== 0) return undefined;
  const { pod: owner, bit } = ownerOf(item.lease);
  const pod = pods[owner];
  if (pod === undefined || !pod.isAlive || (pod.excused & bit) !== 0) return undefined;
  return pod.runs.some(({ lease }) => lease === item.lease)
    ? undefined
    : `the lease of pod ${owner} is left standing until ${item.until}`;
}

function heldWrongly(state: LoadState): string | undefined {
  const { held, floor, log } = state;
  if (held === null) return undefined;
  if (held.value !== log[held.at]?.value) return `the entry is not what #${held.at} was`;
  if (held.value !== 0 && held.id !== log[held.at]?.id) return `the entry's write id is not that of #${held.at}`;
  if (isOlder(state, held.at, floor)) return `I2/I4: the pod serves #${held.at}, after #${floor}`;
  if (isBusy(state) || !isOlder(state, held.at, lastOf(state))) return undefined;
  return `I1: the pod keeps #${held.at} for ever, the replica holds #${lastOf(state)}`;
}

/** Something is under way that may still put right what pod 0 holds. */
function isBusy({ pending, pods: [pod] }: LoadState): boolean {
  return pending !== 0 || pod === undefined || pod.runs.length > 0 || pod.put !== null;
}
