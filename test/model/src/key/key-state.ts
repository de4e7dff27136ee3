import { type CdcEvent } from '@tidemark/protocol';

/** What the key was in the replica at one time; state 0 is absent. */
export interface Image {
  readonly exists: boolean;
  /** 0: no write id. */
  readonly id: number;
  /** 0: no value. */
  readonly value: number;
  /** Place of the write id among all others. */
  readonly rank: number;
}

/** What L1 holds. */
export interface Held {
  /** The state that it is. */
  readonly at: number;
  readonly value: number;
  readonly id: number;
  /** In half steps between two stamps; 0: none. */
  readonly stamp: number;
  /** The newest state there was when its read began. */
  readonly readAt: number;
}

export interface Fill {
  /** State read; -1: not read yet. */
  readonly read: number;
  /** The oldest state that its callers may be given. */
  readonly min: number;
  readonly began: number;
  /** What the pod followed when it began. */
  readonly followed: Following;
  readonly touched: boolean;
}

export interface OwnWrite {
  readonly id: number;
  readonly rank: number;
  readonly isDelete: boolean;
  /** State it became; 0: not committed. */
  readonly state: number;
  readonly began: number;
  readonly followed: Following;
  readonly touched: boolean;
}

/** A write of this pod that timed out and is still under way. */
export interface LateWrite {
  readonly id: number;
  readonly rank: number;
  readonly isDelete: boolean;
}

/** `positions`: events are heard, none of the partition's watermarks yet. */
export type Following = 'nothing' | 'positions' | 'watermarks';

/** One key of one replica and one pod that holds it. Sets of states and of write ids are bit masks. */
export interface KeyState {
  readonly log: readonly Image[];
  /** States whose event has not been delivered. */
  readonly pending: number;
  readonly fast: number;
  readonly budget: readonly number[];
  readonly held: Held | null;
  readonly known: number;
  /** The highest write id that the pod has seen the key go back from; 0: none. */
  readonly steppedBack: number;
  /** The highest write id that the pod knows for one of its own; 0: none. */
  readonly written: number;
  readonly fills: readonly Fill[];
  readonly write: OwnWrite | null;
  readonly late: LateWrite | null;
  readonly following: Following;
  /** Own write ids minted. */
  readonly minted: number;
  /** The newest state that this pod has held, handed out, had acknowledged, or heard of by an event: nothing older may be served. */
  readonly floor: number;
  /** What a caller was told wrongly on the way here. */
  readonly fault: string | null;
}

export const absent: Image = { exists: false, id: 0, value: 0, rank: 0 };

/** Own write ids come after those of states. */
export const ownIds = 16;
export const idsMax = 32;

export function imageAt(state: KeyState, index: number): Image {
  const image = state.log[index];
  if (image === undefined) throw new Error(`no state ${index}`);
  return image;
}

export function lastOf(state: KeyState): number {
  return state.log.length - 1;
}

/** Whether a reader could tell that state `a` is older than `b`. */
export function isOlder(state: KeyState, a: number, b: number): boolean {
  return a < b && imageAt(state, a).value !== imageAt(state, b).value;
}

/** Images with a write id that stood there before, and does not now. */
export function restorable(state: KeyState): Image[] {
  const now = imageAt(state, lastOf(state));
  const byId = new Map(state.log.map((image) => [image.id, image]));
  return [...byId.values()].filter(({ id }) => id !== 0 && id !== now.id);
}

/** The condition of every put and delete. */
export function admits(now: Image, rank: number): boolean {
  return !now.exists || now.id === 0 || now.rank < rank;
}

export function highestRank({ log, write, late }: KeyState): number {
  return Math.max(write?.rank ?? 0, late?.rank ?? 0, ...log.map(({ rank }) => rank));
}

/** Place of a write id among all others. */
export function rankOf({ log, write, late }: KeyState, id: number): number {
  for (const image of log) if (image.id === id) return image.rank;
  if (write?.id === id) return write.rank;
  return late?.id === id ? late.rank : 0;
}

export function members(mask: number): number[] {
  const found: number[] = [];
  for (let at = 0; mask >>> at !== 0; at += 1) if (((mask >>> at) & 1) === 1) found.push(at);
  return found;
}

/** Fills in one order, so that states which differ in nothing else are one. */
export function sorted(fills: Fill[]): Fill[] {
  return fills.length < 2 ? fills : fills.sort(byFill);
}

function byFill(a: Fill, b: Fill): number {
  return (
    a.read - b.read ||
    a.min - b.min ||
    a.began - b.began ||
    Number(a.touched) - Number(b.touched) ||
    (a.followed < b.followed ? -1 : a.followed > b.followed ? 1 : 0)
  );
}

/** Numbers the ranks anew without gaps, so that states which differ in nothing else are one. */
export function ranked(state: KeyState): KeyState {
  const { log, write, late } = state;
  const all = new Set([0, write?.rank ?? 0, late?.rank ?? 0, ...log.map(({ rank }) => rank)]);
  const order = [...all].sort((a, b) => a - b);
  if (order.every((rank, place) => rank === place)) return state;
  const place = new Map(order.map((rank, at) => [rank, at]));
  const renumber = <T extends { readonly rank: number }>(each: T): T => ({ ...each, rank: place.get(each.rank) ?? 0 });
  return {
    ...state,
    log: log.map(renumber),
    write: write === null ? null : renumber(write),
    late: late === null ? null : renumber(late),
  };
}

/** Three states apart is beyond the margin of stamps, two are not. */
const halfStepUs = 1_250_000;
const stampBaseUs = 1_700_000_000_000_000;

export function stampOf(index: number, offStamp: number | undefined): number {
  return index === offStamp ? 2 * index - 3 : 2 * index;
}

export function microseconds(stamp: number): number {
  return stamp === 0 ? 0 : stampBaseUs + stamp * halfStepUs;
}

export function stampFrom(us: number): number {
  return us === 0 ? 0 : (us - stampBaseUs) / halfStepUs;
}

const idTexts = Array.from({ length: idsMax }, (_, id) => (id === 0 ? null : `w${id}`));
const valueBytes = Array.from({ length: idsMax }, (_, value) => (value === 0 ? null : Uint8Array.of(value)));

export function textOf(id: number): string | null {
  return idTexts[id] ?? null;
}

export function idFrom(text: string | null): number {
  return text === null ? 0 : Number(text.slice(1));
}

/** The change log's record of the transition to a state. */
export function eventTo(state: KeyState, index: number, offStamp: number | undefined): CdcEvent {
  const [from, to] = [imageAt(state, index - 1), imageAt(state, index)];
  return {
    table: 'things',
    key: 'things:k',
    kind: !from.exists ? 'insert' : !to.exists ? 'remove' : 'modify',
    from: textOf(from.id),
    to: textOf(to.id),
    stampUs: microseconds(stampOf(index, offStamp)),
    expiresAt: null,
    codec: null,
    lane: 'cdc',
    region: 'local',
    position: null,
    value: valueBytes[to.value] ?? null,
  };
}
