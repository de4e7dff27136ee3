import { type CdcEvent } from '@tidemark/protocol';
import { newCacheStats } from '../cache-stats.js';
import { Coherence, type CoherenceOptions, type Installable } from '../coherence.js';
import { type Entry } from '../entry.js';
import { type Fence, isClean } from '../fences.js';
import { KnownSet } from '../known-set.js';
import { LruL1 } from '../l1.js';
import { TableFollower } from '../table-follower.js';
import { type Budget, budgetOf, type WorldOptions } from './world-options.js';
import { KeyLog, type KeyState, stampStepUs } from './key-log.js';

export interface Move {
  readonly name: string;
  readonly run: () => void;
}

interface Fill {
  fence: Fence;
  /** State read; -1 = not read yet. */
  read: number;
  /** The oldest state that its callers may be given. */
  min: number;
}

interface OwnWrite {
  readonly fence: Fence;
  readonly id: string;
  readonly rank: number;
  readonly isDelete: boolean;
  /** State it became; 0 = not committed. */
  state: number;
}

const key = 'k';
/**
 * One key of one replica and one pod that holds it, as a checker drives them: every `Move` that is possible now, and what is wrong after
 * it. The pod is the shipped code; the replica, the pipeline and the callers are modelled. The same moves give the same world.
 */
export class World {
  readonly #options: WorldOptions;
  readonly #left: Record<Budget, number>;
  readonly #log = new KeyLog();
  #pending: number[] = [];
  #fast: number[] = [];
  #fills: Fill[] = [];
  #put: OwnWrite | undefined;
  #late: Pick<OwnWrite, 'id' | 'rank' | 'isDelete'> | undefined;
  /** Newest state acknowledged to, and newest held or handed out by, this pod. */
  #acknowledged = 0;
  #held = 0;
  #problem: string | undefined;
  #known = new KnownSet(3);
  #l1 = new LruL1({ maxEntries: 4, maxBytes: 1_000_000 });
  #follower = new TableFollower('things', () => undefined);
  #coherence: Coherence;
  #entry: Entry | undefined;
  /** State that the entry is; what it was installed from when it is an absence. */
  #entryState = -1;
  #moved = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#left = budgetOf(options);
    this.#coherence = this.#startPod();
  }

  /** What can happen next. */
  moves(): Move[] {
    return [
      ...this.#othersWrite(),
      ...this.#ownWrites(),
      ...this.#fillMoves(),
      ...this.#deliveries(),
      ...this.#accidents(),
    ];
  }

  /** Makes a move; what is wrong afterwards, if anything. */
  make(move: Move): string | undefined {
    move.run();
    this.#look();
    const problem = (this.#options.permanentOnly === true ? undefined : this.#problem) ?? this.#check();
    this.#held = Math.max(this.#held, this.#entryState);
    return problem;
  }

  /** Equal for worlds that behave alike from now on. */
  fingerprint(): string {
    const entry = this.#entry && [this.#entryState, this.#entry.writeId, this.#entry.stampUs];
    const known = this.#log.states.map(({ id }) => (this.#known.has(id) ? 1 : 0));
    const fills = this.#fills.map(({ fence, read, min }) => `${read}/${min}/${isClean(fence)}`).sort();
    const put = this.#put && [this.#put.id, this.#put.state, this.#put.isDelete, isClean(this.#put.fence)];
    const log = this.#log.states.map(({ exists, id, value, rank }) => [exists, id, value, rank]);
    const open = [[...this.#pending].sort(), [...this.#fast].sort(), this.#left, this.#late];
    return JSON.stringify([log, open, entry, known, fills, put, this.#acknowledged, this.#held]);
  }

  /** Every state up to here has had its event applied. */
  get #applied(): number {
    const first = this.#pending.length === 0 ? this.#log.last + 1 : Math.min(...this.#pending);
    return first - 1;
  }

  get #floor(): number {
    return Math.max(this.#acknowledged, this.#held, this.#applied);
  }

  #startPod(): Coherence {
    this.#known = new KnownSet(3);
    this.#l1 = new LruL1({ maxEntries: 4, maxBytes: 1_000_000 });
    const follower = new TableFollower('things', () => undefined);
    const options: CoherenceOptions = {
      l1: this.#l1,
      stats: newCacheStats(),
      mode: this.#options.mode ?? 'update',
      known: this.#known,
      partitionOf: (each) => follower.partitionOf(`things:${each}`),
      decode: (event) => Buffer.from(event.value ?? []).toString(),
      sameValue: (a, b) => a === b,
    };
    const coherence = this.#options.make?.(options, this.#known) ?? new Coherence(options);
    follower.addCache('things', coherence);
    follower.applyRoute({
      ...{ table: 'things', version: 1, writerEpoch: 1, topics: { a: 1 }, deleted: false },
      ...{ changedAt: 0, changedBy: 'model' },
    });
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, 1, 1);
    this.#follower = follower;
    return coherence;
  }

  #spend(budget: Budget, run: () => void): () => void {
    return () => {
      this.#left[budget] -= 1;
      run();
    };
  }

  #commit(state: Omit<KeyState, 'value'>, hasValue: boolean): number {
    const index = this.#log.add(state, hasValue);
    this.#pending.push(index);
    return index;
  }

  get #highestRank(): number {
    return Math.max(this.#late?.rank ?? 0, this.#log.highestRank);
  }

  #othersWrite(): Move[] {
    if (this.#log.last >= this.#options.writes) return [];
    const { deletes, lowerIds, fast } = this.#options;
    const highest = this.#highestRank;
    const ranks = lowerIds === true ? [highest + 10, Math.max(1, highest - 5)] : [highest + 10];
    const puts = ranks.map((rank) =>
      this.#write(`other put at ${rank}`, () => ({ exists: true, id: this.#log.mint(rank), rank }), true, fast),
    );
    if (deletes !== true || !this.#log.now.exists) return [...puts, ...this.#strangersWrite()];
    const remove = this.#write('other delete', () => ({ exists: false, id: null, rank: 0 }), false);
    return [...puts, remove, ...this.#strangersWrite()];
  }

  /** Writes whose image has no write id of their own. */
  #strangersWrite(): Move[] {
    const { foreign = [], leases } = this.#options;
    const { now } = this.#log;
    const moves: Move[] = [];
    if (leases === true && now.value === undefined)
      moves.push(this.#write('other lease', () => ({ ...now, exists: true }), false));
    if (foreign.includes('keep') && now.value !== undefined) moves.push(this.#write('foreign update', () => now, true));
    if (foreign.includes('null'))
      moves.push(this.#write('foreign put', () => ({ exists: true, id: null, rank: 0 }), true));
    if (foreign.includes('restore'))
      for (const { id, rank } of this.#log.identified)
        if (id !== now.id) moves.push(this.#write(`restore of ${id}`, () => ({ exists: true, id, rank }), true));
    return moves;
  }

  #write(name: string, state: () => Omit<KeyState, 'value'>, hasValue: boolean, isFast = false): Move {
    const run = (): void => {
      const index = this.#commit(state(), hasValue);
      if (isFast) this.#fast.push(index);
    };
    return { name: `${name} #${this.#log.last + 1}`, run };
  }

  #ownWrites(): Move[] {
    const put = this.#put;
    if (put === undefined) return this.#ownStarts();
    const moves: Move[] = [];
    const end = (name: string, run: () => void): void => {
      const act = (): void => {
        run();
        this.#put = undefined;
      };
      moves.push({ name: `own ${put.isDelete ? 'delete' : 'put'} ${put.id} ${name}`, run: act });
    };
    if (put.state > 0) {
      end('is acknowledged', () => this.#acknowledge(put));
      end('loses its answer', () => this.#coherence.failWrite(put.fence));
      return moves;
    }
    if (this.#log.last < this.#options.writes && this.#log.admits(put.rank)) {
      const name = `own ${put.isDelete ? 'delete' : 'put'} ${put.id} commits as #${this.#log.last + 1}`;
      moves.push({ name, run: () => (put.state = this.#commitOwn(put)) });
    }
    if (!this.#log.admits(put.rank)) end('is refused', () => this.#coherence.failWrite(put.fence));
    end('is not sent', () => this.#coherence.cancelWrite(put.fence));
    if (this.#options.late === true && this.#late === undefined)
      end('times out', () => {
        this.#late = { id: put.id, rank: put.rank, isDelete: put.isDelete };
        this.#coherence.failWrite(put.fence);
      });
    return moves;
  }

  #ownStarts(): Move[] {
    if (this.#left.ownWrites === 0) return [];
    const start = (isDelete: boolean): Move => ({
      name: `own ${isDelete ? 'delete' : 'put'} begins`,
      run: this.#spend('ownWrites', () => {
        const rank = this.#highestRank + 10;
        const id = this.#log.mint(rank);
        this.#put = { fence: this.#coherence.beginWrite(key, isDelete ? undefined : id), id, rank, isDelete, state: 0 };
      }),
    });
    return this.#options.deletes === true ? [start(false), start(true)] : [start(false)];
  }

  #commitOwn({ id, rank, isDelete }: Pick<OwnWrite, 'id' | 'rank' | 'isDelete'>): number {
    if (!isDelete) return this.#commit({ exists: true, id, rank }, true);
    return this.#log.now.exists ? this.#commit({ exists: false, id: null, rank: 0 }, false) : this.#log.last;
  }

  #acknowledge(put: OwnWrite): void {
    const { value, id } = this.#log.at(put.state);
    this.#acknowledged = Math.max(this.#acknowledged, put.state);
    this.#moved = put.state;
    if (put.isDelete) return this.#coherence.completeDelete(put.fence, 1);
    this.#coherence.completePut(put.fence, image(value, id));
    if (this.#options.fast === true) this.#fast.push(put.state);
  }

  #fillMoves(): Move[] {
    const moves: Move[] = [];
    const joinable = this.#fills.filter(({ fence }) => this.#coherence.joinable(fence));
    if (this.#coherence.peek(key) === undefined) {
      for (const fill of joinable)
        if (fill.min < this.#floor) moves.push({ name: 'a get joins', run: () => (fill.min = this.#floor) });
      if (joinable.length === 0 && this.#left.fills > 0)
        moves.push({ name: 'a fill begins', run: this.#spend('fills', () => this.#beginFill()) });
    }
    const back = this.#options.fault === 'weak-reads' ? 1 : 0;
    for (const fill of this.#fills) {
      const at = Math.max(0, this.#log.last - back);
      if (fill.read < 0) moves.push({ name: `a fill reads #${at}`, run: () => (fill.read = at) });
      else moves.push({ name: `a fill of #${fill.read} ends`, run: () => this.#endFill(fill) });
    }
    return moves;
  }

  #beginFill(): void {
    this.#fills.push({ fence: this.#coherence.beginFill(key), read: -1, min: this.#floor });
  }

  #endFill(fill: Fill): void {
    this.#fills = this.#fills.filter((each) => each !== fill);
    const { value, id } = this.#log.at(fill.read);
    if (this.#log.isOlder(fill.read, fill.min))
      this.#problem = `I2/I4: a get returned #${fill.read} after #${fill.min}`;
    this.#moved = fill.read;
    this.#coherence.completeFill(fill.fence, image(value, value === undefined ? null : id));
    if (fill.read >= fill.min) this.#held = Math.max(this.#held, fill.read);
  }

  #deliveries(): Move[] {
    const moves: Move[] = [];
    const deliver = (name: string, index: number, lane: CdcEvent['lane'], before: () => void): void => {
      moves.push({
        name: `${name} #${index}`,
        run: () => {
          before();
          this.#moved = index;
          this.#follower.applyEvent('a', 0, this.#eventOf(index, lane));
        },
      });
    };
    for (const index of this.#pending)
      deliver('event', index, 'cdc', () => (this.#pending = this.#pending.filter((each) => each !== index)));
    for (const index of this.#fast)
      deliver('fast event', index, 'fast', () => (this.#fast = this.#fast.filter((each) => each !== index)));
    if (this.#left.duplicates > 0)
      for (let index = 1; index <= this.#log.last; index += 1)
        if (!this.#pending.includes(index))
          deliver(
            'duplicate',
            index,
            'cdc',
            this.#spend('duplicates', () => undefined),
          );
    return moves;
  }

  #eventOf(index: number, lane: CdcEvent['lane']): CdcEvent {
    const recorded = this.#log.eventTo(index);
    if (lane === 'cdc') return recorded;
    const { fastWithoutValue = false, fault } = this.#options;
    const stampUs = fault === 'fast-stamps' ? (recorded.stampUs ?? 0) + 4 * stampStepUs : null;
    return { ...recorded, lane, stampUs, value: fastWithoutValue ? null : recorded.value };
  }

  #accidents(): Move[] {
    const moves: Move[] = [];
    const add = (name: string, budget: Budget, run: () => void): void => {
      if (this.#left[budget] > 0) moves.push({ name, run: this.#spend(budget, run) });
    };
    if (this.#entry !== undefined) add('evicted', 'evictions', () => this.#l1.delete(key));
    if (this.#log.states.some(({ id }) => this.#known.has(id)))
      add('the known-set forgets', 'forgets', () => ['x', 'y', 'z'].forEach((id) => this.#known.add(id)));
    add('invalidated', 'invalidations', () => this.#follower.invalidate(`things:${key}`));
    for (const lost of [...this.#pending.map((index) => [index]), this.#pending])
      if (lost.length > 0) {
        add(`gap without ${lost.join('+')}`, 'gaps', () => this.#gap(lost));
        add(`restart without ${lost.join('+')}`, 'restarts', () => this.#restart(lost));
      }
    const late = this.#late;
    if (late === undefined) return moves;
    const settle = (run: () => void) => (): void => {
      this.#late = undefined;
      run();
    };
    if (this.#log.last < this.#options.writes && this.#log.admits(late.rank))
      moves.push({
        name: `late commit of ${late.id} as #${this.#log.last + 1}`,
        run: settle(() => this.#commitOwn(late)),
      });
    moves.push({ name: `${late.id} never commits`, run: settle(() => undefined) });
    return moves;
  }

  #gap(lost: readonly number[]): void {
    this.#pending = this.#pending.filter((index) => !lost.includes(index));
    this.#follower.flushPartition('a', 0, 'gap');
  }

  #restart(lost: readonly number[]): void {
    this.#pending = this.#pending.filter((index) => !lost.includes(index));
    this.#fills = [];
    this.#put = undefined;
    this.#acknowledged = 0;
    this.#held = 0;
    this.#coherence = this.#startPod();
  }

  /** Finds out which state the entry is. */
  #look(): void {
    const entry = this.#coherence.peek(key);
    if (entry === this.#entry) return;
    this.#entry = entry;
    if (entry === undefined) this.#entryState = -1;
    else if (typeof entry.value === 'string') this.#entryState = Number(entry.value.slice(1));
    else this.#entryState = this.#moved;
  }

  #check(): string | undefined {
    const at = this.#entryState;
    if (at < 0) return undefined;
    return (this.#options.permanentOnly === true ? undefined : this.#passing(at)) ?? this.#permanent(at);
  }

  #passing(at: number): string | undefined {
    if (this.#entry?.value !== this.#log.at(at).value) return `the entry is not what #${at} was`;
    if (this.#log.isOlder(at, this.#held)) return `I2 monotonic reads: #${at} after #${this.#held} was held`;
    if (this.#log.isOlder(at, this.#acknowledged)) return `I4 read-your-writes: #${at} after #${this.#acknowledged}`;
    if (this.#log.isOlder(at, this.#applied))
      return `I3 watermark: #${at} though events to #${this.#applied} are applied`;
    return undefined;
  }

  #permanent(at: number): string | undefined {
    const busy = this.#pending.length + this.#fills.length > 0 || this.#put !== undefined || this.#late !== undefined;
    return !busy && this.#log.isOlder(at, this.#log.last)
      ? `I1 permanent: #${at}, the replica holds #${this.#log.last}`
      : undefined;
  }
}

function image(value: string | undefined, writeId: string | null): Installable {
  return { value, writeId, expiresAt: 0, readAt: 1, payloadBytes: 2 };
}
