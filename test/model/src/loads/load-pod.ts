import {
  Coherence,
  type CoherenceOptions,
  type Entry,
  type Fence,
  isUntouched,
  KnownSet,
  newCacheStats,
  PartitionState,
} from '@tidemark/cache/internals';
import { type CdcEvent } from '@tidemark/protocol';
import { OneEntry } from '../key/key-pod.js';
import { type LoadOptions } from './load-options.js';
import {
  type Held,
  idFrom,
  idTextOf,
  type LoadState,
  type Logged,
  type Pod,
  type Put,
  type Run,
} from './load-state.js';

/** The shipped objects of pod 0 in one state. */
export interface Awake {
  readonly coherence: Coherence;
  /** In the order of the pod's runs; only those that callers wait for have one. */
  readonly fills: readonly (Fence | undefined)[];
  /** Of the install of each run that has one under way. */
  readonly installs: readonly (Fence | undefined)[];
  readonly put: Fence | undefined;
}

const key = 'k';
const nothing: Logged = { exists: false, id: 0, value: 0 };

/** Makes the L1 of pod 0, lets something be done to it, and reads what it is then. */
export class LoadPod {
  readonly #options: LoadOptions;
  readonly #partition = { index: 0, state: new PartitionState() };
  readonly #base: Omit<CoherenceOptions, 'l1' | 'known'>;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#partition.state.followed = 'a';
    this.#base = {
      stats: newCacheStats(),
      mode: 'update',
      partitionOf: () => this.#partition,
      hold: (event) => ({ value: event.value?.[0], bytes: 1 }),
      sameValue: (a, b) => a === b,
    };
  }

  /** `moved`: the state that the act is about. Runs and put of the pod stay as they are, save for what touched them. */
  act(state: LoadState, moved: number, act: (pod: Awake) => void): LoadState {
    if (this.#options.l1 !== true) return state;
    const [l1, known] = [new OneEntry(), knownOf(state)];
    const awake = this.#wake(state, l1, known);
    act(awake);
    const { held } = l1;
    const value = typeof held?.value === 'number' ? held.value : 0;
    const heldNow: Held | null =
      held === undefined ? null : this.#placed(state, { at: moved, value, id: idFrom(held.writeId) });
    const pod = state.pods[0];
    const pods = pod === undefined ? state.pods : state.pods.with(0, touchedBy(pod, awake));
    return { ...state, pods, held: heldNow, known: this.#knownTo(known, state) };
  }

  joinable(state: LoadState): readonly boolean[] {
    const { coherence, fills } = this.#wake(state, new OneEntry(), new KnownSet());
    return fills.map((fence) => fence !== undefined && coherence.joinable(fence));
  }

  #wake(state: LoadState, l1: OneEntry, known: KnownSet): Awake {
    const { held, pods } = state;
    if (held !== null) l1.held = entryOf(held);
    const options: CoherenceOptions = { ...this.#base, l1, known };
    const coherence = this.#options.make?.(options) ?? new Coherence(options);
    const { runs = [], put = null } = pods[0] ?? {};
    return {
      coherence,
      fills: runs.map((run) => fenceIf(run.awaited, run.touched, () => coherence.beginFill(key))),
      installs: runs.map((run) =>
        fenceIf(isInstalling(run), run.writeTouched, () => coherence.beginWrite(key, writeIdOf(run.id))),
      ),
      put: put === null ? undefined : this.#reopened(coherence, put),
    };
  }

  #reopened(coherence: Coherence, { isDelete, id, touched }: Put): Fence | undefined {
    const hasWriteId = !isDelete || this.#options.deletes === 'tombstone';
    return fenceIf(true, touched, () => coherence.beginWrite(key, hasWriteId ? writeIdOf(id) : undefined));
  }

  #placed({ held, log }: LoadState, now: Held): Held {
    if (held === null || held.value !== now.value || held.id !== now.id) return now;
    return now.value === log[now.at]?.value && now.at > held.at ? now : held;
  }

  #knownTo(known: KnownSet, { log }: LoadState): number {
    let mask = 0;
    for (let at = 1; at < log.length; at += 1) {
      const id = log[at]?.id ?? 0;
      // A lease keeps the id of the item that it is written into: the step to it is the one before.
      if (id !== 0 && id !== log[at - 1]?.id && known.has(idTextOf(id))) mask |= 1 << at;
    }
    return mask;
  }
}

function touchedBy(pod: Pod, { fills, installs, put }: Awake): Pod {
  const isTouched = (fence: Fence | undefined): boolean => fence !== undefined && !isUntouched(fence);
  const runs = pod.runs.map((run, at) => {
    const touched = run.touched || isTouched(fills[at]);
    const writeTouched = run.writeTouched || isTouched(installs[at]);
    return touched === run.touched && writeTouched === run.writeTouched ? run : { ...run, touched, writeTouched };
  });
  return { ...pod, runs, put: pod.put !== null && isTouched(put) ? { ...pod.put, touched: true } : pod.put };
}

function knownOf({ known: mask, log }: LoadState): KnownSet {
  const known = new KnownSet();
  for (let at = 1; mask >>> at !== 0; at += 1)
    if (((mask >>> at) & 1) === 1) known.add(idTextOf(log[at]?.id ?? 0) ?? '');
  return known;
}

function fenceIf(isOpen: boolean, touched: boolean, open: () => Fence): Fence | undefined {
  if (!isOpen) return undefined;
  const fence = open();
  fence.dirty = touched;
  return fence;
}

function isInstalling({ phase }: Run): boolean {
  return phase === 'installing' || phase === 'installed';
}

function writeIdOf(id: number): string | undefined {
  return idTextOf(id) ?? undefined;
}

function entryOf({ value, id }: Held): Entry {
  return {
    ...{ value: value === 0 ? undefined : value, isPlain: true, writeId: idTextOf(id) },
    ...{ stampUs: 0, expiresAt: 0, readAt: 0, partition: 0, source: 'fill' },
  };
}

/** The change log's record of the step to a state. */
export function eventTo({ log }: LoadState, at: number): CdcEvent {
  const [from = nothing, to = nothing] = [log[at - 1], log[at]];
  return {
    table: 'things',
    key: 'things:k',
    kind: !from.exists ? 'insert' : to.exists ? 'modify' : 'remove',
    from: idTextOf(from.id),
    to: idTextOf(to.id),
    stampUs: null,
    expiresAt: null,
    codec: null,
    lane: 'cdc',
    region: 'local',
    position: null,
    value: to.value === 0 ? null : Uint8Array.of(to.value),
  };
}
