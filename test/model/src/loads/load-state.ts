import { formatWriteId, type ItemImage, parseWriteId, WriteClock } from '@tidemark/protocol';

/** The item as the replica holds it. */
export interface Item {
  readonly exists: boolean;
  /** 0: no write id; -1: one that is malformed. */
  readonly id: number;
  /** The number of the write that left it; 0: no value. */
  readonly value: number;
  readonly loaded: boolean;
  /** 0: no lease. */
  readonly lease: number;
  /** Tick; 0: no lease. */
  readonly until: number;
  /** Tick; 0: never. */
  readonly expires: number;
}

export type Phase =
  | 'claiming'
  /** The claim was made, the answer is under way. */
  | 'claimed'
  /** What became of the claim is not known. */
  | 'asking'
  | 'waiting'
  | 'loading'
  | 'installing'
  /** The install was made, the answer is under way. */
  | 'installed'
  /** The install was refused. */
  | 'refused'
  | 'releasing'
  /** It has read a value that it is about to hand out. */
  | 'serving';

/** One `getOrLoad`, and the load that goes on when its time is up. */
export interface Run {
  readonly phase: Phase;
  readonly began: number;
  /** Whether callers wait for it still. */
  readonly awaited: boolean;
  readonly lease: number;
  /** Tick of the claim, or of the last look. */
  readonly at: number;
  /** End of the lease that it waits for, a tick. */
  readonly until: number;
  /** Write id of the leased item. */
  readonly base: number;
  readonly loads: number;
  /** Writes there were when its load began. */
  readonly since: number;
  /** Write id of its install. */
  readonly id: number;
  readonly condition: ConditionType;
  readonly isRetry: boolean;
  /** What it installed or read, as a state of the log. */
  readonly index: number;
  /** The oldest state that its callers may be given. */
  readonly min: number;
  readonly touched: boolean;
  readonly writeTouched: boolean;
}

export interface Put {
  readonly isDelete: boolean;
  readonly id: number;
  readonly condition: ConditionType;
  /** Refusals that count, and those by a real put or delete. */
  readonly winners: number;
  readonly realWinners: number;
  /** State it became; 0: not committed. */
  readonly index: number;
  readonly touched: boolean;
}

export type ConditionType = 'newer' | 'replaces' | 'leased';

/** A request whose sender has given it up, and which may still take effect. */
export interface Late {
  readonly type: 'claim' | 'install' | 'put' | 'delete';
  readonly pod: number;
  readonly lease: number;
  /** Tick of a claim. */
  readonly at: number;
  readonly id: number;
  readonly condition: ConditionType;
  readonly since: number;
}

export interface Pod {
  readonly isAlive: boolean;
  /** Of its write clock; -1: it has seen no write id. */
  readonly counter: number;
  /** Lease ids it has used. */
  readonly attempts: number;
  /** Those that have stood at some time, and those about whose fate an answer was lost: masks. */
  readonly granted: number;
  readonly excused: number;
  readonly calls: number;
  readonly puts: number;
  readonly removals: number;
  readonly runs: readonly Run[];
  readonly put: Put | null;
}

/** A state of the item, for pod 0's L1. */
export interface Logged {
  readonly exists: boolean;
  readonly id: number;
  readonly value: number;
}

export interface Held {
  readonly at: number;
  readonly value: number;
  readonly id: number;
}

export interface LoadState {
  readonly item: Item;
  /** Puts, deletes, foreign writes and installs that were made. */
  readonly writes: number;
  readonly now: number;
  readonly pods: readonly Pod[];
  readonly late: readonly Late[];
  readonly foreigns: number;
  readonly lost: number;
  readonly crashes: number;
  /** Empty where no pod has an L1. */
  readonly log: readonly Logged[];
  /** States whose event has not been delivered: a mask. */
  readonly pending: number;
  readonly held: Held | null;
  /** States whose step pod 0 has seen: a mask. */
  readonly known: number;
  /** The newest state that pod 0 has held, handed out or heard of. */
  readonly floor: number;
  readonly fault: string | null;
}

export const absent: Item = { exists: false, id: 0, value: 0, loaded: false, lease: 0, until: 0, expires: 0 };

export function lastOf({ log }: LoadState): number {
  return log.length - 1;
}

/** Whether a reader could tell that state `a` is older than `b`. */
export function isOlder({ log }: LoadState, a: number, b: number): boolean {
  return a < b && log[a]?.value !== log[b]?.value;
}

export function isLiveAt({ value, expires }: Item, now: number): boolean {
  return value !== 0 && (expires === 0 || expires > now);
}

/** Lease ids say whose they are. */
export function leaseOf(pod: number, attempt: number): number {
  return 16 * (pod + 1) + attempt;
}

export function ownerOf(lease: number): { readonly pod: number; readonly bit: number } {
  return { pod: (lease >> 4) - 1, bit: 1 << (lease & 15) };
}

const baseMs = 1_700_000_000_000;
const malformed = 'zz';

export function msOf(tick: number): number {
  return baseMs + 1_000 * tick;
}

/** Write ids are a counter and the pod that drew it, 1 to 3. */
const idTexts = Array.from({ length: 256 }, (_, id) =>
  id === 0 ? null : formatWriteId({ ms: baseMs, counter: id >> 2, incarnation: String(id & 3).padStart(16, '0') }),
);

export function idTextOf(id: number): string | null {
  return id < 0 ? malformed : (idTexts[id] ?? null);
}

export function idFrom(text: string | null): number {
  if (text === null) return 0;
  const parts = parseWriteId(text);
  return parts === undefined ? -1 : 4 * parts.counter + Number(parts.incarnation);
}

/** Lets something be done with the write clock of a pod; to what came of it and the clock's counter afterwards. */
export function withClock<T>(pod: number, counter: number, act: (clock: WriteClock) => T): [T, number] {
  const incarnation = String(pod + 1).padStart(16, '0');
  const clock = new WriteClock(incarnation, () => baseMs);
  if (counter >= 0) clock.merge(formatWriteId({ ms: baseMs, counter, incarnation }));
  const result = act(clock);
  return [result, (parseWriteId(clock.mint())?.counter ?? 0) - 1];
}

/** The item as L2 tells of it. */
export function imageOf({ exists, id, value, loaded, lease, until, expires }: Item): ItemImage | undefined {
  if (!exists) return undefined;
  return {
    key: 'things:k',
    value: value === 0 ? null : String(value),
    codec: null,
    writeId: idTextOf(id),
    expiresAt: expires === 0 ? null : msOf(expires) / 1_000,
    writtenBy: null,
    tombstone: false,
    leaseId: lease === 0 ? null : leaseText(lease),
    leaseUntil: lease === 0 ? null : msOf(until),
    loaded,
  };
}

export function leaseText(lease: number): string {
  return `l${lease}`;
}
