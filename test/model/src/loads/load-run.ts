import { type LeaseStep } from '@tidemark/cache/internals';
import { type Visit } from '../explore/explore.js';
import { callTicks, type LoadOptions } from './load-options.js';
import { type Awake, type LoadPod } from './load-pod.js';
import { type LoadRules } from './load-rules.js';
import {
  absent,
  idFrom,
  idTextOf,
  imageOf,
  isLiveAt,
  type Item,
  lastOf,
  type Late,
  leaseOf,
  leaseText,
  type LoadState,
  msOf,
  ownerOf,
  type Pod,
  type Run,
  withClock,
} from './load-state.js';
import { committed, type LoadStore } from './load-store.js';
import {
  cut,
  ended,
  handedOut,
  isL1,
  isNews,
  isWriting,
  lateOf,
  newRun,
  type Placed,
  replaced,
  withLate,
  withPod,
  withRun,
} from './placed-run.js';

/** The way of each `getOrLoad`, call by call to L2, as `LeaseLoader` goes it. */
export class LoadRuns {
  readonly #options: LoadOptions;
  readonly #rules: LoadRules;
  readonly #store: LoadStore;
  readonly #l1: LoadPod;

  constructor(options: LoadOptions, rules: LoadRules, store: LoadStore, l1: LoadPod) {
    this.#options = options;
    this.#rules = rules;
    this.#store = store;
    this.#l1 = l1;
  }

  next(state: LoadState, visit: Visit<LoadState>): void {
    for (const [p, pod] of state.pods.entries()) {
      if (!pod.isAlive) continue;
      this.#begins(state, p, pod, visit);
      for (const [r, run] of pod.runs.entries()) this.#goesOn({ state, pod, p, r, run }, visit);
    }
  }

  /** The time of some calls is up: what is done in their names goes on where it would leave something behind. */
  ticked(before: LoadState): LoadState {
    let state = before;
    for (const p of before.pods.keys())
      for (let r = (state.pods[p]?.runs.length ?? 0) - 1; r >= 0; r -= 1) {
        const [pod, run] = [state.pods[p], state.pods[p]?.runs[r]];
        if (pod === undefined || run === undefined) continue;
        if (run.awaited && state.now >= run.began + callTicks) state = this.#abandoned({ state, pod, p, r, run });
      }
    return state;
  }

  /** What a crash leaves under way. */
  orphans(pod: Pod, p: number): Late[] {
    return pod.runs.flatMap((run) => (run.phase === 'claiming' || run.phase === 'installing' ? [lateOf(run, p)] : []));
  }

  arrives(state: LoadState, late: Late): LoadState | undefined {
    const { item } = state;
    const { type, pod, lease, at, since, condition, id } = late;
    if (type === 'claim') return this.#store.admitsClaim(item, at) ? this.#claimed(state, pod, lease, at) : undefined;
    return this.#store.admits(item, condition, id, lease) ? this.#installed(state, lease, id, since) : undefined;
  }

  #begins(state: LoadState, p: number, pod: Pod, visit: Visit<LoadState>): void {
    if (isL1(p, state) && (state.held?.value ?? 0) !== 0) return;
    const joinable = isL1(p, state) ? this.#l1.joinable(state) : pod.runs.map(({ awaited }) => awaited);
    if (isL1(p, state)) this.#joins(state, pod, joinable, visit);
    if (pod.calls === 0 || pod.runs.length === 2 || joinable.includes(true)) return;
    const run: Run = { ...newRun, began: state.now, min: state.floor };
    const runs = [...pod.runs, run];
    const called = { ...pod, calls: pod.calls - 1, runs };
    const placed = { state: withPod(state, p, called), pod: called, p, r: runs.length - 1, run };
    visit(this.#follows(placed, { type: 'claim' }), `pod ${p} calls, and claims`);
  }

  /** Of pod 0: elsewhere nobody looks at what a call returns. */
  #joins(state: LoadState, pod: Pod, joinable: readonly boolean[], visit: Visit<LoadState>): void {
    for (const [r, run] of pod.runs.entries()) {
      const mayJoin = joinable[r] === true || (this.#options.fault === 'joins-dirty' && run.awaited);
      if (mayJoin && run.min < state.floor)
        visit(withRun({ state, pod, p: 0, r, run }, { ...run, min: state.floor }), 'pod 0: a call joins a load');
    }
  }

  #goesOn(at: Placed, visit: Visit<LoadState>): void {
    const go: Go = (after, verb) => visit(after, `pod ${at.p} ${verb}`);
    switch (at.run.phase) {
      case 'claiming':
        return this.#claims(at, go);
      case 'claimed':
        go(this.#follows(at, this.#answered(at)), 'hears that its claim was made');
        return this.#loses(at, go);
      case 'asking':
        return this.#looks(at, 'asks what became of its claim', go, leaseText(at.run.lease));
      case 'waiting':
        return isNews(at) ? this.#looks(at, 'looks again', go) : undefined;
      case 'loading':
        return this.#loads(at, go);
      case 'installing':
        return this.#installs(at, go);
      case 'installed':
        go(this.#acknowledged(at), 'hears that its load was installed');
        return this.#loses(at, go);
      case 'refused':
        return this.#looks(at, 'reads what came before its load', go);
      case 'releasing':
        return this.#releases(at, go);
      case 'serving':
        return go(handedOut(replaced(at, this.#served(at))), 'returns what it read');
    }
  }

  #claims(at: Placed, go: Go): void {
    const { state, p, run } = at;
    const { item, now } = state;
    if (this.#store.admitsClaim(item, run.at)) {
      const after = this.#claimed(state, p, run.lease, run.at);
      go(withRun(replaced(at, after), { ...run, phase: 'claimed', base: item.id }), 'has its claim made');
    } else {
      const old = imageOf(item);
      const step = this.#rules.afterClaim({ type: 'refused', old }, msOf(now));
      go(this.#follows(at, step), `has its claim refused: ${step.type}`);
    }
    this.#loses(at, go);
  }

  #answered({ run, state: { item } }: Placed): LeaseStep {
    const image = imageOf({ ...item, ...{ exists: true, id: run.base, value: 0, lease: run.lease, until: run.at } });
    if (image === undefined) throw new Error('a claim without its item');
    return this.#rules.afterClaim({ type: 'acquired', image }, 0);
  }

  /** The lease stands, whoever hears of it. */
  #claimed(state: LoadState, p: number, lease: number, at: number): LoadState {
    const { item, now } = state;
    const fault = isLiveAt(item, now)
      ? `a lease takes the place of write #${item.value}, which is live`
      : item.lease !== 0 && item.until > now
        ? `a lease is taken over that lasts until ${item.until}`
        : state.fault;
    const after = committed(state, this.#store.leased(item, lease, at), false);
    const pod = after.pods[p];
    if (pod === undefined) return after;
    return withPod({ ...after, fault }, p, { ...pod, granted: pod.granted | ownerOf(lease).bit });
  }

  #looks(at: Placed, verb: string, go: Go, leaseId?: string): void {
    const { item, now } = at.state;
    const step = this.#rules.afterRead(imageOf(item), leaseId, msOf(now));
    go(this.#follows(at, step), `${verb}: ${step.type}`);
  }

  /** An answer does not come: it was not made, and may still be; or it was, and nobody hears of it. */
  #loses(at: Placed, go: Go): void {
    const { state, run, p } = at;
    if (state.lost === 0) return;
    const isMade = run.phase === 'claimed' || run.phase === 'installed';
    const spent = { ...state, lost: state.lost - 1, late: isMade ? state.late : withLate(state.late, lateOf(run, p)) };
    const verb = `loses the answer of ${run.phase === 'claiming' || run.phase === 'claimed' ? 'its claim' : 'its install'}`;
    const lost = replaced(at, spent);
    if (run.phase === 'installing' || run.phase === 'installed') return go(this.#doubtful(lost), verb);
    const pod = { ...lost.pod, excused: lost.pod.excused | ownerOf(run.lease).bit };
    const asking = withRun({ ...lost, pod, state: withPod(lost.state, p, pod) }, { ...run, phase: 'asking' });
    if (this.#options.fault !== 'granted-unread') return go(asking, verb);
    go(this.#follows(replaced(at, asking), { type: 'load', base: null }), verb);
  }

  #loads(at: Placed, go: Go): void {
    const { state, pod, p, run } = at;
    const gives = this.#options.fault === 'keeps-lease' ? ended(at) : withRun(at, { ...run, phase: 'releasing' });
    go(gives, 'is brought nothing');
    if (isWriting(pod)) return;
    go(this.#sends({ ...at, run: { ...run, isRetry: false } }, state, p), 'is brought a value, and installs it');
  }

  #sends(at: Placed, state: LoadState, p: number): LoadState {
    const { run } = at;
    const intent = { type: 'leased', leaseId: leaseText(run.lease), base: idTextOf(run.base) } as const;
    const [attempt, counter] = withClock(p, at.pod.counter, (clock) =>
      this.#rules.firstAttempt(intent, clock, msOf(state.now)),
    );
    const { type } = attempt.condition;
    const condition = type === 'newer' || type === 'replaces' ? type : 'leased';
    const pod = { ...at.pod, counter };
    const sent: Run = { ...run, phase: 'installing', id: idFrom(attempt.writeId), condition, writeTouched: false };
    return withRun({ ...at, pod, state: withPod(state, p, pod) }, sent);
  }

  #installs(at: Placed, go: Go): void {
    const { state, run } = at;
    if (this.#store.admits(state.item, run.condition, run.id, run.lease)) {
      const after = this.#installed(state, run.lease, run.id, run.since);
      go(withRun(replaced(at, after), { ...run, phase: 'installed', index: lastOf(after) }), 'has its load installed');
    } else {
      const failed = this.#failed(at);
      go(withRun(failed, { ...failed.run, phase: 'refused' }), 'has its load refused');
    }
    this.#loses(at, go);
  }

  #installed(state: LoadState, lease: number, id: number, since: number): LoadState {
    const { item, writes } = state;
    const wrong =
      writes > since
        ? `a load overwrites write #${writes}, which was made after it began`
        : item.lease !== lease
          ? 'a load is installed without its lease'
          : isLiveAt(item, state.now)
            ? `a load overwrites write #${item.value}`
            : null;
    const image: Item = { ...absent, exists: true, id, value: writes + 1, loaded: true };
    return { ...committed(state, image, true), fault: wrong ?? state.fault };
  }

  #acknowledged(at: Placed): LoadState {
    const { state, r, run, p } = at;
    const value = state.log[run.index]?.value;
    const after = this.#acts(at, run.index, ({ coherence, installs }) => {
      const [fence, writeId] = [installs[r], idTextOf(run.id)];
      const image = { value, writeId, expiresAt: 0, readAt: 0, bytes: 1 };
      if (fence !== undefined) coherence.completePut(fence, image);
    });
    return handedOut(replaced(at, isL1(p, state) ? { ...after, floor: Math.max(after.floor, run.index) } : after));
  }

  /** As any read of L2 ends. */
  #served(at: Placed): LoadState {
    const { index } = at.run;
    const read = at.state.log[index];
    if (read === undefined) return at.state;
    return this.#acts(at, index, ({ coherence, fills }) => {
      const fence = fills[at.r];
      const image = { value: read.value, writeId: idTextOf(read.id), expiresAt: 0, readAt: 0, bytes: 1 };
      if (fence !== undefined) coherence.completeFill(fence, image);
    });
  }

  /** Of unknown outcome it is sent once more, while there is time. */
  #doubtful(at: Placed): LoadState {
    const failed = this.#failed(at);
    const { run, state, p } = failed;
    if (run.isRetry || !run.awaited) return withRun(failed, { ...run, phase: 'releasing' });
    return this.#sends({ ...failed, run: { ...run, isRetry: true } }, state, p);
  }

  #failed(at: Placed): Placed {
    const after = this.#acts(at, 0, ({ coherence, installs }) => {
      const fence = installs[at.r];
      if (fence !== undefined) coherence.failWrite(fence);
    });
    // What was held is gone, and what a get returns from now on was read from now on.
    return replaced(at, isL1(at.p, after) ? { ...after, floor: lastOf(after) } : after);
  }

  #acts({ state, p }: Placed, moved: number, act: (pod: Awake) => void): LoadState {
    return p === 0 ? this.#l1.act(state, moved, act) : state;
  }

  #releases(at: Placed, go: Go): void {
    const { state, run, p } = at;
    const item = this.#store.released(state.item, run.lease, run.base);
    go(ended(replaced(at, item === undefined ? state : committed(state, item, false))), 'gives its lease up');
    if (state.lost === 0) return;
    const pod = { ...at.pod, excused: at.pod.excused | ownerOf(run.lease).bit };
    go(ended({ ...at, pod, state: withPod({ ...state, lost: state.lost - 1 }, p, pod) }), 'fails to give its lease up');
  }

  /** The next call to L2 of a run, or its end. */
  #follows(at: Placed, step: LeaseStep): LoadState {
    const { state, run } = at;
    switch (step.type) {
      case 'serve':
        return withRun(at, { ...run, phase: 'serving', index: lastOf(state) });
      case 'wait': {
        if (!run.awaited) return ended(at);
        const until = (step.until - msOf(0)) / 1_000;
        const isBound = until <= state.now + callTicks;
        const waiting = withRun(at, { ...run, phase: 'waiting', until, at: state.now });
        return isBound ? waiting : { ...waiting, fault: `a call waits for a lease until ${until}` };
      }
      case 'claim':
        return run.awaited ? this.#claimsAnew(at) : ended(at);
      case 'load': {
        const [base, loads] = [idFrom(step.base), run.loads + 1];
        const mayLoad = run.awaited && loads <= (this.#options.loadsMax ?? 2);
        if (!mayLoad) return withRun(at, { ...run, phase: 'releasing', base });
        const hasStood = (at.pod.granted & ownerOf(run.lease).bit) !== 0;
        const after = withRun(at, { ...run, phase: 'loading', base, loads, since: state.writes });
        return hasStood ? after : { ...after, fault: 'a load runs under a lease that never stood' };
      }
    }
  }

  /** A lease id of its own for every attempt; one that was refused for certain is as good as unused. */
  #claimsAnew(at: Placed): LoadState {
    const { state, p, pod, run } = at;
    const { bit } = ownerOf(run.lease);
    const isUnused = run.lease !== 0 && ((pod.granted | pod.excused) & bit) === 0;
    const isKept = isUnused || (this.#options.fault === 'same-lease-id' && (pod.excused & bit) !== 0);
    const attempts = isKept ? pod.attempts : pod.attempts + 1;
    const lease = isKept ? run.lease : leaseOf(p, attempts);
    const claiming: Run = { ...run, phase: 'claiming', lease, at: state.now };
    const claimer = { ...pod, attempts };
    return withRun({ ...at, pod: claimer, state: withPod(state, p, claimer) }, claiming);
  }

  #abandoned(at: Placed): LoadState {
    const run = { ...at.run, awaited: false };
    const abandoned = { ...at, run };
    switch (run.phase) {
      case 'claiming':
      case 'claimed':
        return this.#options.fault === 'cut-claim' ? cut(abandoned) : withRun(at, run);
      case 'loading':
        return withRun(at, { ...run, phase: 'releasing' });
      case 'releasing':
        return withRun(at, run);
      case 'installing':
        return this.#doubtful(replaced(abandoned, { ...at.state, late: withLate(at.state.late, lateOf(run, at.p)) }));
      case 'installed':
        return this.#doubtful(abandoned);
      default:
        return ended(at);
    }
  }
}

type Go = (after: LoadState, verb: string) => void;
