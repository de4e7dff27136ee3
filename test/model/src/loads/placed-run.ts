import { isLiveAt, isOlder, type Late, type LoadState, type Pod, type Run } from './load-state.js';

/** A run and where it is. */
export interface Placed {
  readonly state: LoadState;
  readonly pod: Pod;
  readonly p: number;
  readonly r: number;
  readonly run: Run;
}

export const newRun: Run = {
  ...{ phase: 'claiming', began: 0, awaited: true, lease: 0, at: 0, until: 0, base: 0, loads: 0, since: 0, id: 0 },
  ...{ condition: 'leased', isRetry: false, index: 0, min: 0, touched: false, writeTouched: false },
};

/** A write of this pod is under way, and the next of the key waits for it. */
export function isWriting({ put, runs }: Pod): boolean {
  return put !== null || runs.some(({ phase }) => phase === 'installing' || phase === 'installed');
}

export function withPod(state: LoadState, p: number, pod: Pod): LoadState {
  return { ...state, pods: state.pods.with(p, pod) };
}

export function withLate(late: readonly Late[], more: Late): readonly Late[] {
  return [...late, more].sort((a, b) => a.id - b.id || a.lease - b.lease || a.pod - b.pod);
}

export function withRun({ state, pod, p, r }: Placed, run: Run): LoadState {
  return withPod(state, p, { ...pod, runs: pod.runs.with(r, run) });
}

/** The same run in a state that has gone on. */
export function replaced(at: Placed, state: LoadState): Placed {
  const pod = state.pods[at.p] ?? at.pod;
  return { ...at, state, pod, run: { ...(pod.runs[at.r] ?? at.run), awaited: at.run.awaited } };
}

export function ended({ state, pod, p, r }: Placed): LoadState {
  return withPod(state, p, { ...pod, runs: pod.runs.filter((_, at) => at !== r) });
}

export function cut(at: Placed): LoadState {
  const { state, run, p } = at;
  return ended(
    run.phase === 'claimed' ? at : { ...at, state: { ...state, late: withLate(state.late, lateOf(run, p)) } },
  );
}

export function lateOf({ phase, lease, at, id, condition, since }: Run, pod: number): Late {
  return { type: phase === 'claiming' ? 'claim' : 'install', pod, lease, at, id, condition, since };
}

export function isL1(p: number, { log }: LoadState): boolean {
  return p === 0 && log.length > 0;
}

/** Callers get what the run installed or read. */
export function handedOut(at: Placed): LoadState {
  const { state, p, run } = at;
  const after = ended(at);
  if (!isL1(p, state) || !run.awaited) return after;
  if (isOlder(state, run.index, run.min))
    return { ...after, fault: `I2/I4: a call returned #${run.index}, after #${run.min}` };
  return { ...after, floor: Math.max(after.floor, run.index) };
}

/** Whether a look would show something else than the one before. */
export function isNews({ state: { item, now }, run }: Placed): boolean {
  return run.at !== now || item.lease === 0 || isLiveAt(item, now) || item.until !== run.until;
}
