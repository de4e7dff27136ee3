import {
  askedLease,
  checkpointedLease,
  handedOverLease,
  isAskedOf,
  renewedLease,
  takenLease,
} from '../src/lease-row.js';
import { type Shard, type ShardLease, type ShardPage } from '../src/ports.js';
import { isReadable, missingLeases, planShardEnd } from '../src/shard-leases.js';
import { ShardRoll } from '../src/shard-roll.js';
import { claimOf, isEnded, laterClaim, watermarkOf } from '../src/watermark.js';

/** The decisions under test, each of which a test may take away. */
export interface Rules {
  /** What a page proves. */
  readonly claimOf: (page: ShardPage) => number | null;
  /** Whether a page is claimed only when the next one has shown that the shard went on. */
  readonly waitsForNext: boolean;
  readonly watermarkOf: typeof watermarkOf;
  /** Whether the children of a shard get their rows before it is marked as ended. */
  readonly childrenFirst: boolean;
  /** Whether what the stream lists bounds the watermark. */
  readonly bounded: boolean;
  /** Whether a checkpoint waits until what it covers is acknowledged. */
  readonly acknowledgesFirst: boolean;
  /** Whether a hand-over waits until nothing of the shard is on its way any more. */
  readonly handsOverLast: boolean;
}

export const shipped: Rules = {
  claimOf,
  waitsForNext: true,
  watermarkOf,
  childrenFirst: true,
  bounded: true,
  acknowledgesFirst: true,
  handsOverLast: true,
};

interface ModelShard extends Shard {
  readonly records: { readonly id: number; readonly at: number }[];
  isOpen: boolean;
}

/** A shard as one worker reads it, whether or not the lease is still its own. */
interface Reading {
  row: ShardLease;
  /** Records read, and of those acknowledged. */
  position: number;
  acknowledged: number;
  page: ShardPage | null;
  /** Pages since the shard was drained. */
  drainedPages: number;
  claim: number | null;
  readUpTo: number | null;
  /** How far the end of the shard has got: its page came, its children have rows. */
  end: 'open' | 'closed' | 'planned';
}

interface Worker {
  readings: Map<string, Reading>;
  /** What it claimed of shards it reads or has read. */
  readonly claims: Map<string, number>;
  roll: ShardRoll;
  /** A reading of the lease table that is under way, row by row. */
  scan: { readonly claims: ReadonlyMap<string, number>; readonly rows: ShardLease[]; isComplete: boolean } | null;
}

const streamId = 'stream';
const hashes = 1n << 128n;
/** Numbers that stand for an action each: resharding, crashes, thefts and hand-overs are rarer than the rest. */
const actions = 64;
const pageMax = 2;
const shardsMax = 5;

/**
 * Shards, a lease table, workers and one partition, in which anything may happen between any two steps of anybody. Workers act by the shipped
 * decisions; only the waiting is the model's. A watermark is false if a record that was accepted before it is not acknowledged, and a hand-over if whoever takes
 * the lease behind it is not alone. Some who take a lease are of a release that knows of no hand-over.
 */
export class LeaseModel {
  readonly trace: string[] = [];
  readonly falsehoods: string[] = [];
  /** Watermarks published, and of those the ones behind a split or a merge. */
  watermarks = 0;
  watermarksAfterReshard = 0;
  /** Leases taken behind a hand-over. */
  handOvers = 0;
  readonly #rules: Rules;
  readonly #closesAfter: number;
  readonly #shards: ModelShard[] = [];
  readonly #rows = new Map<string, ShardLease>();
  /** Counter of the row that was last handed over, by shard. */
  readonly #handedOver = new Map<string, number>();
  readonly #acknowledged = new Set<number>();
  readonly #workers: Worker[];
  #now = 100;
  #records = 0;
  #resharded = false;

  constructor(rules: Rules, closesAfter: number) {
    this.#rules = rules;
    this.#closesAfter = closesAfter;
    this.#workers = [newWorker(), newWorker()];
    this.#addShard(0n, hashes / 2n - 1n, []);
    this.#addShard(hashes / 2n, hashes - 1n, []);
    for (const lease of missingLeases(this.#shards, [], streamId)) this.#rows.set(lease.shardId, lease);
    this.#workers.forEach((worker, index) => this.#take(worker, `w${index}`, index));
  }

  /** Does the thing that a number stands for. */
  step(number: number): void {
    this.#now += 1;
    const [action, choice] = [number % actions, Math.floor(number / actions)];
    const index = choice % 2;
    const worker = this.#workers[index] ?? newWorker();
    const pick = Math.floor(choice / 2);
    if (action === 0) return this.#split(pick);
    if (action === 1) return this.#merge(pick);
    if (action === 2) return this.#crash(index);
    if (action < 5) return this.#take(worker, `w${index}`, pick);
    if (action < 7) return this.#ask(`w${index}`, pick);
    if (action < 12) return this.#put(pick);
    if (action < 31) return this.#advanceScan(worker, index);
    return this.#advanceReading(worker, index, pick);
  }

  #put(pick: number): void {
    const open = this.#shards.filter((shard) => shard.isOpen);
    const shard = open[pick % open.length];
    const id = (this.#records += 1);
    shard?.records.push({ id, at: this.#now });
    this.trace.push(`${this.#now}: r${id} → ${shard?.shardId}`);
  }

  #split(pick: number): void {
    const open = this.#shards.filter((shard) => shard.isOpen);
    const shard = open[pick % open.length];
    if (shard === undefined || open.length >= shardsMax) return;
    this.#close(shard);
    const [start, end] = [BigInt(shard.startHash), BigInt(shard.endHash)];
    const middle = (start + end) / 2n;
    this.#addShard(start, middle, [shard.shardId]);
    this.#addShard(middle + 1n, end, [shard.shardId]);
  }

  #merge(pick: number): void {
    const open = this.#shards.filter((shard) => shard.isOpen);
    const left = open[pick % open.length];
    const right = open.find((shard) => left !== undefined && BigInt(shard.startHash) === BigInt(left.endHash) + 1n);
    if (left === undefined || right === undefined) return;
    this.#close(left);
    this.#close(right);
    this.#addShard(BigInt(left.startHash), BigInt(right.endHash), [left.shardId, right.shardId]);
  }

  #close(shard: ModelShard): void {
    shard.isOpen = false;
    this.#resharded = true;
    this.trace.push(`${this.#now}: ${shard.shardId} is closed`);
  }

  #addShard(start: bigint, end: bigint, parents: readonly string[]): void {
    const shardId = `s${String(this.#shards.length).padStart(3, '0')}`;
    this.#shards.push({
      shardId,
      parents,
      startHash: start.toString(),
      endHash: end.toString(),
      records: [],
      isOpen: true,
    });
  }

  #crash(index: number): void {
    this.#workers[index] = newWorker();
    this.trace.push(`${this.#now}: w${index} dies`);
  }

  /** What was handed over to it; else any, expired or not: whoever still reads the shard becomes a zombie. */
  #take(worker: Worker, owner: string, pick: number): void {
    const readable = [...this.#rows.values()].filter((row) => !isEnded(row) && isReadable(row, this.#rows));
    const handed = readable.filter((row) => row.owner === owner && this.#isHandedOver(row));
    const choice = handed.length > 0 ? handed : readable;
    const row = choice[pick % Math.max(1, choice.length)];
    if (row === undefined) return;
    const taken = this.#takenBy(row, owner, pick);
    this.#rows.set(row.shardId, taken);
    const position = row.checkpoint === 'TRIM_HORIZON' ? 0 : Number(row.checkpoint);
    worker.readings.set(row.shardId, {
      row: taken,
      position,
      acknowledged: position,
      page: null,
      drainedPages: 0,
      claim: null,
      readUpTo: row.readUpTo,
      end: 'open',
    });
    this.trace.push(`${this.#now}: ${owner} takes ${row.shardId} at ${row.checkpoint}`);
  }

  /** Behind a hand-over nobody is on the way any more who was there before it. A release that knows of none leaves in the row who was asked. */
  #takenBy(row: ShardLease, owner: string, pick: number): ShardLease {
    const { shardId, counter, checkpointOwner } = row;
    if (row.owner === owner && this.#isHandedOver(row)) {
      this.handOvers += 1;
      const others = this.#workers.flatMap(({ readings }) => readings.get(shardId) ?? []);
      if (others.some((each) => each.row.counter === counter - 1 && each.page !== null))
        this.falsehoods.push(`${shardId} was handed over with a page on its way`);
    }
    const isOld = pick % 3 === 2 && checkpointOwner !== undefined && checkpointOwner !== owner;
    return { ...takenLease(row, owner), ...(isOld ? { checkpointOwner } : {}) };
  }

  #isHandedOver({ shardId, counter }: ShardLease): boolean {
    return this.#handedOver.get(shardId) === counter;
  }

  #ask(owner: string, pick: number): void {
    const possible = [...this.#rows.values()].flatMap((row) => askedLease(row, owner) ?? []);
    const asked = possible[pick % Math.max(1, possible.length)];
    if (asked === undefined) return;
    this.#rows.set(asked.shardId, asked);
    this.trace.push(`${this.#now}: ${owner} asks for ${asked.shardId}`);
  }

  /** With the mark of its end, if it has come so far. */
  #handOver(worker: Worker, reading: Reading, row: ShardLease): void {
    const { shardId } = row;
    if (reading.page !== null && this.#rules.handsOverLast) return;
    const isEnd = reading.end === 'planned';
    const readUpTo = isEnd ? laterClaim(reading.readUpTo, this.#now) : reading.readUpTo;
    const over = handedOverLease(row, isEnd ? 'SHARD_END' : this.#covered(reading), readUpTo);
    this.#rows.set(shardId, over);
    this.#handedOver.set(shardId, over.counter);
    if (reading.page === null) worker.readings.delete(shardId);
    this.#checkCovered(reading);
    this.trace.push(`${this.#now}: ${shardId} is handed over at ${over.checkpoint}`);
  }

  /** Row by row, in the order of the keys, then the survey, then what follows from both. */
  #advanceScan(worker: Worker, index: number): void {
    const { scan } = worker;
    if (scan === null) {
      noteClaims(worker);
      worker.scan = { claims: new Map(worker.claims), rows: [], isComplete: false };
    } else if (!scan.isComplete) {
      const last = scan.rows.at(-1)?.shardId ?? '';
      const next = [...this.#rows.keys()].filter((shardId) => shardId > last).sort()[0];
      const row = next === undefined ? undefined : this.#rows.get(next);
      if (row === undefined) scan.isComplete = true;
      else scan.rows.push(row);
    } else {
      worker.scan = null;
      worker.roll.note(this.#shards, this.#now);
      for (const lease of missingLeases(this.#shards, scan.rows, streamId))
        if (!this.#rows.has(lease.shardId)) this.#rows.set(lease.shardId, lease);
      this.#publish(worker, index, scan.rows, scan.claims);
    }
  }

  #publish(worker: Worker, index: number, rows: readonly ShardLease[], claims: ReadonlyMap<string, number>): void {
    const claimed = this.#rules.watermarkOf(rows, claims);
    const bound = this.#rules.bounded ? worker.roll.bound(rows, this.#now) : Infinity;
    if (claimed === null || bound === null) return;
    const at = Math.min(claimed, bound);
    this.watermarks += 1;
    if (this.#resharded) this.watermarksAfterReshard += 1;
    this.trace.push(`${this.#now}: w${index} publishes ${at}`);
    for (const { records } of this.#shards)
      for (const record of records)
        if (record.at < at && !this.#acknowledged.has(record.id))
          this.falsehoods.push(`${at} was claimed, r${record.id} of ${record.at} is not acknowledged`);
  }

  #advanceReading(worker: Worker, index: number, pick: number): void {
    const readings = [...worker.readings.values()];
    const reading = readings[pick % Math.max(1, readings.length)];
    if (reading === undefined) return;
    const steps = Math.floor(pick / Math.max(1, readings.length)) % 3;
    if (steps === 2) return this.#write(worker, reading);
    if (reading.end !== 'open') return this.#endShard(worker, reading, index);
    if (reading.page === null) return this.#readPage(reading, index);
    this.#acknowledge(reading, reading.page, index);
  }

  #readPage(reading: Reading, index: number): void {
    const shard = this.#shards.find(({ shardId }) => shardId === reading.row.shardId);
    if (shard === undefined) return;
    const records = shard.records.slice(reading.position, reading.position + pageMax);
    const next = shard.records[reading.position + records.length];
    const closed = this.#isClosing(reading, next === undefined && !shard.isOpen);
    const lastAt = records.at(-1)?.at ?? next?.at ?? this.#now;
    reading.page = {
      records: records.map(({ id }) => ({ sequenceNumber: String(id), bytes: new Uint8Array() })),
      askedAt: this.#now,
      millisBehindLatest: next === undefined ? 0 : this.#now - lastAt,
      closed,
      gap: false,
    };
    reading.position += records.length;
    if (reading.claim !== null && !closed) reading.readUpTo = laterClaim(reading.readUpTo, reading.claim);
    reading.claim = null;
    this.trace.push(
      `${this.#now}: w${index} reads ${shard.shardId} to ${reading.position}${closed ? ', its end' : ''}`,
    );
  }

  /** A drained shard says so at once, or some pages late. */
  #isClosing(reading: Reading, isDrained: boolean): boolean {
    const isClosing = isDrained && reading.drainedPages >= this.#closesAfter;
    reading.drainedPages = isDrained ? reading.drainedPages + 1 : 0;
    return isClosing;
  }

  #acknowledge(reading: Reading, page: ShardPage, index: number): void {
    for (const { sequenceNumber } of page.records) this.#acknowledged.add(Number(sequenceNumber));
    reading.acknowledged = reading.position;
    reading.page = null;
    if (page.closed) reading.end = 'closed';
    const claim = this.#rules.claimOf(page);
    if (this.#rules.waitsForNext) reading.claim = claim;
    else reading.readUpTo = laterClaim(reading.readUpTo, claim);
    this.trace.push(`${this.#now}: w${index} has ${reading.row.shardId} acknowledged to ${reading.acknowledged}`);
  }

  #endShard(worker: Worker, reading: Reading, index: number): void {
    const { shardId } = reading.row;
    const create = (): void => {
      const plan = planShardEnd(shardId, this.#shards, [...this.#rows.values()], streamId);
      for (const lease of plan.create) if (!this.#rows.has(lease.shardId)) this.#rows.set(lease.shardId, lease);
    };
    if (this.#rules.childrenFirst && reading.end === 'closed') {
      create();
      reading.end = 'planned';
      return;
    }
    const asked = this.#askedRow(reading);
    if (asked !== undefined) return this.#handOver(worker, reading, asked);
    if (!this.#mayWrite(reading)) return void worker.readings.delete(shardId);
    this.#rows.set(shardId, checkpointedLease(reading.row, 'SHARD_END', laterClaim(reading.readUpTo, this.#now)));
    worker.readings.delete(shardId);
    this.trace.push(`${this.#now}: w${index} marks ${shardId} as ended`);
  }

  /** The one timer that renews and checkpoints. */
  #write(worker: Worker, reading: Reading): void {
    const { row, readUpTo } = reading;
    const asked = this.#askedRow(reading);
    if (asked !== undefined) return this.#handOver(worker, reading, asked);
    if (!this.#mayWrite(reading)) return void worker.readings.delete(row.shardId);
    const checkpoint = this.#covered(reading);
    reading.row =
      checkpoint === row.checkpoint ? renewedLease(row, readUpTo) : checkpointedLease(row, checkpoint, readUpTo);
    this.#rows.set(row.shardId, reading.row);
    this.#checkCovered(reading);
  }

  #coveredPlace({ acknowledged, position }: Reading): number {
    return this.#rules.acknowledgesFirst ? acknowledged : position;
  }

  #covered(reading: Reading): string {
    const place = this.#coveredPlace(reading);
    return place === 0 ? 'TRIM_HORIZON' : String(place);
  }

  #checkCovered(reading: Reading): void {
    const { shardId } = reading.row;
    const records = this.#shards.find((shard) => shard.shardId === shardId)?.records ?? [];
    for (const { id } of records.slice(0, this.#coveredPlace(reading)))
      if (!this.#acknowledged.has(id)) this.falsehoods.push(`${shardId} is checkpointed past r${id}`);
  }

  /** The row, where another worker asks for this very lease. */
  #askedRow({ row }: Reading): ShardLease | undefined {
    const stored = this.#rows.get(row.shardId);
    return stored !== undefined && isAskedOf(row, stored) ? stored : undefined;
  }

  #mayWrite({ row }: Reading): boolean {
    const stored = this.#rows.get(row.shardId);
    return stored?.counter === row.counter && stored.owner === row.owner;
  }
}

function newWorker(): Worker {
  return { readings: new Map(), claims: new Map(), roll: new ShardRoll(), scan: null };
}

function noteClaims(worker: Worker): void {
  for (const [shardId, { readUpTo }] of worker.readings) {
    const claim = laterClaim(worker.claims.get(shardId) ?? null, readUpTo);
    if (claim !== null) worker.claims.set(shardId, claim);
  }
}
