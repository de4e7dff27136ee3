import { type History, type PodLife, type Read, type Visibility, type Write } from './history.js';
import { type KeyStates, type ReplicaStates } from './key-states.js';
import { describeRead, describeState, describeWrite, show, type Violation } from './violation.js';

/**
 * I2 and I4: what a pod serves never gets older than what it had served before the read began, nor than what it had been told was written.
 *
 * A value tells its state, an absence may be one of several. Each read is taken to be of the oldest state that it can be of, in the order
 * of the answers: whoever can explain all of them, can explain them so.
 */
export function checkSessionOrder(history: History, states: ReplicaStates): readonly Violation[] {
  const reads = groupBy(history.reads, placeOf);
  const writesByKey = groupBy(history.writes, ({ key }) => key);
  const lives = new Map(history.lives.map((life) => [life.pod, life]));
  const regions = new Map(history.lives.map(({ pod, region }) => [pod, region]));
  return [...reads.values()].flatMap((session) => {
    const { pod, key } = session[0] as Read;
    const life = lives.get(pod);
    if (life === undefined) throw new RangeError(`no life of pod ${pod}`);
    const writes = writesByKey.get(key) ?? [];
    return checkSession(session, { life, states: states.of(life.region, key), writes, regions });
  });
}

interface Session {
  readonly life: PodLife;
  readonly states: KeyStates;
  /** Writes of the key, by any pod. */
  readonly writes: readonly Write[];
  readonly regions: ReadonlyMap<string, string>;
}

/** A state that reads must not fall behind from `tick` on, and what said so. */
interface Floor {
  readonly tick: number;
  readonly state: number;
  readonly read?: Read;
  readonly write?: Write;
  readonly note?: string;
}

/** Floors added in the order of their ticks. */
class FloorLine {
  /** Each is the highest up to its tick. */
  readonly #floors: Floor[] = [];

  add(floor: Floor): void {
    const last = this.#floors.at(-1);
    if (last === undefined || floor.state > last.state) this.#floors.push(floor);
  }

  /** The highest floor that stood before `tick`. */
  before(tick: number): Floor | undefined {
    let [low, high] = [0, this.#floors.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#floors[middle]?.tick ?? Infinity) < tick) low = middle + 1;
      else high = middle;
    }
    return this.#floors[low - 1];
  }
}

function checkSession(reads: readonly Read[], session: Session): readonly Violation[] {
  const violations: Violation[] = [];
  const answered = reads.filter(isServed).sort((a, b) => a.responded.tick - b.responded.tick);
  const written = new FloorLine();
  for (const floor of writeFloors(session)) written.add(floor);
  const served = new FloorLine();
  for (const read of answered) {
    const candidates = session.states.holding(read.result.value, read.responded.tick);
    if (candidates.length === 0) {
      violations.push(unknownValue(read));
      continue;
    }
    const seen = served.before(read.invoked.tick);
    const own = higher(written.before(read.invoked.tick), askedFloor(read, session));
    const state = candidates.find((candidate) => candidate >= Math.max(seen?.state ?? 0, own?.state ?? 0));
    if (state === undefined) violations.push(wentBack(read, candidates, seen, own, session));
    served.add({ tick: read.responded.tick, state: state ?? candidates.at(-1) ?? 0, read });
  }
  return violations;
}

type ServedRead = Read & { readonly responded: NonNullable<Read['responded']> } & {
  readonly result: Extract<Read['result'], { type: 'served' }>;
};

function isServed(read: Read): read is ServedRead {
  return read.responded !== undefined && read.result.type === 'served';
}

/** What this pod was told of its own writes, and of others' that every pod was said to see. */
function writeFloors({ life, states, writes, regions }: Session): readonly Floor[] {
  const floors: Floor[] = [];
  for (const write of writes) {
    if (regions.get(write.pod) !== life.region || write.result.type !== 'applied') continue;
    const state = states.madeBy(write.id).at(-1);
    if (state === undefined) continue;
    const { pod, responded, visible = [] } = write;
    if (pod === life.pod && responded !== undefined) floors.push({ tick: responded.tick, state, write });
    floors.push(...visible.flatMap((said) => visibleFloor(said, state, write, life)));
  }
  return floors.sort((a, b) => a.tick - b.tick);
}

/** A pod that registers later begins its reads after the write. */
function visibleFloor({ at, silent }: Visibility, state: number, write: Write, life: PodLife): readonly Floor[] {
  if (life.registered === undefined || silent.includes(life.pod)) return [];
  const tick = Math.max(at.tick, life.registered.tick);
  return [{ tick, state, write, note: 'said to be visible everywhere' }];
}

/** Only a write of the same region says something about this replica. */
function askedFloor({ atLeast, invoked }: Read, { life, states, writes, regions }: Session): Floor | undefined {
  const write = atLeast === undefined ? undefined : writes.find(({ id }) => id === atLeast);
  if (write === undefined || regions.get(write.pod) !== life.region) return undefined;
  const state = states.madeBy(write.id).at(-1);
  return state === undefined ? undefined : { tick: invoked.tick, state, write, note: 'which the caller asked to see' };
}

function higher(a: Floor | undefined, b: Floor | undefined): Floor | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.state > a.state ? b : a;
}

function unknownValue(read: ServedRead): Violation {
  return {
    invariant: 'origin',
    key: read.key,
    pod: read.pod,
    what: `served ${show(read.result.value)}, which the replica never was`,
    involved: [describeRead(read)],
  };
}

function wentBack(
  read: ServedRead,
  candidates: readonly number[],
  seen: Floor | undefined,
  own: Floor | undefined,
  { states }: Session,
): Violation {
  const newest = candidates.at(-1) ?? 0;
  const invariant = seen !== undefined && seen.state > newest ? 'I2' : 'I4';
  const floor = (invariant === 'I2' ? seen : own) ?? { tick: 0, state: 0 };
  return {
    invariant,
    key: read.key,
    pod: read.pod,
    what: `served state ${newest} (${show(read.result.value)}) after state ${floor.state} (${show(states.value(floor.state))})`,
    involved: [
      describeRead(read),
      `after ${describeFloor(floor)}`,
      describeState(newest, states.transition(newest)),
      describeState(floor.state, states.transition(floor.state)),
    ],
  };
}

function describeFloor({ read, write, note }: Floor): string {
  const what = read !== undefined ? describeRead(read) : write !== undefined ? describeWrite(write) : 'nothing';
  return note === undefined ? what : `${what}, ${note}`;
}

function placeOf({ pod, key }: Read): string {
  return `${pod}\n${key}`;
}

function groupBy<T>(list: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of list) {
    const group = groups.get(keyOf(each));
    if (group === undefined) groups.set(keyOf(each), [each]);
    else group.push(each);
  }
  return groups;
}
