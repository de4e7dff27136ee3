import { newLease, type ShardLease } from '@tidemark/pipeline/internals';
import { type Model, type Visit } from '../explore/explore.js';
import { ShardReading } from './shard-reading.js';
import { type StreamOptions } from './stream-options.js';
import { shippedRules, type StreamRules } from './stream-rules.js';
import {
  changedShards,
  end,
  indexOf,
  leaseOf,
  leasesOf,
  type Listing,
  recordsOf,
  type Row,
  rowOf,
  type Scan,
  shardNames,
  shardOf,
  shardsOf,
  type StreamState,
  streamId,
  topologyOf,
  type Worker,
} from './stream-state.js';

/**
 * One stream whose shards change, the lease table, one or two workers, and what they publish into one partition of a table topic. What is
 * decided is decided by the shipped functions; loops, stream, store and broker are modelled.
 */
export class StreamModel implements Model<StreamState> {
  readonly initial: StreamState;
  readonly #options: StreamOptions;
  readonly #rules: StreamRules;
  readonly #reading: ShardReading;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#rules = { ...shippedRules, ...options.rules };
    this.#reading = new ShardReading(options, this.#rules);
    this.initial = this.#begun();
  }

  next(state: StreamState, visit: Visit<StreamState>): void {
    this.#streamGoesOn(state, visit);
    for (const [at, worker] of state.workers.entries()) {
      this.#restarts(state, at, worker, visit);
      this.#takes(state, at, worker, visit);
      this.#asks(state, at, worker, visit);
      this.#reading.next(state, at, worker, visit);
      this.#scans(state, at, worker, visit);
    }
  }

  problem({ fault }: StreamState): string | undefined {
    return fault ?? undefined;
  }

  describe({ now, rows, workers, watermark }: StreamState): string {
    const table = rows.flatMap((row, shard) =>
      row === null ? [] : [`${shardNames[shard]} ${row.place === end ? 'ended' : (row.readUpTo ?? '-')}`],
    );
    const claims = workers.map(({ holds }) => {
      const held = holds.flatMap((hold, shard) =>
        hold === null ? [] : [`${shardNames[shard]} ${hold.readUpTo ?? '-'}`],
      );
      return `{${held.join(', ')}}`;
    });
    return `now ${now}; rows {${table.join(', ')}}; claims ${claims.join(' ')}; W ${watermark}`;
  }

  /** Worker 0 has read the shards that are there to their end; where records can be lost, nobody has read any yet. */
  #begun(): StreamState {
    const { workers, steals = 0, asks = 0, restarts = 0, scans, resets = 0, rowLosses = 0, retention } = this.#options;
    const { open } = topologyOf(this.#options);
    const isFresh = retention !== undefined || resets > 0;
    const rows = shardNames.map((_, shard) => {
      if ((open & (1 << shard)) === 0) return null;
      const row = rowOf(newLease(shardOf(this.#options, shard, 0), streamId));
      return isFresh ? row : { ...row, owner: 0 };
    });
    const holds = rows.map((row, shard) => {
      if (row === null || isFresh) return null;
      return this.#reading.begun(0, row, leaseOf(this.#options, shard, row), new Map());
    });
    const reader: Worker = { ...newWorker, holds, listings: isFresh ? [] : [{ shards: open, askedAt: 0 }] };
    return {
      now: 0,
      records: [],
      made: open,
      open,
      listed: open,
      produced: 0,
      trimmed: 0,
      flushed: 0,
      rows,
      workers: workers === 1 ? [reader] : [reader, newWorker],
      watermark: 0,
      steals,
      asks,
      restarts,
      scans,
      resets,
      rowLosses,
      fault: null,
    };
  }

  #streamGoesOn(state: StreamState, visit: Visit<StreamState>): void {
    const { ticks, records } = this.#options;
    const { now, open, made, listed } = state;
    if (now < ticks) visit({ ...state, now: now + 1 }, 'the clock ticks');
    const changed = changedShards(this.#options);
    if (changed !== 0 && (made & changed) === 0)
      visit({ ...state, open: changed, made: made | changed, listed: listed | changed }, 'the shards change');
    for (const [shard, name] of shardNames.entries()) {
      const isOpen = (open & (1 << shard)) !== 0;
      if (isOpen && state.records.length < records)
        visit({ ...state, records: [...state.records, { shard, at: now }] }, `a record goes to ${name}`);
      this.#losses(state, shard, name, visit);
    }
  }

  /** What may go missing of a shard: itself, its records, its row, its checkpoint. */
  #losses(state: StreamState, shard: number, name: string, visit: Visit<StreamState>): void {
    const { retention, shardsLeave = false } = this.#options;
    const { listed, open, rowLosses } = state;
    if (shardsLeave && (listed & ~open & (1 << shard)) !== 0 && this.#isUsedUp(state, shard))
      visit({ ...state, listed: listed & ~(1 << shard) }, `${name} leaves the stream`);
    if (retention !== undefined) this.#trims(state, shard, retention, visit);
    this.#resets(state, shard, visit);
    if (rowLosses === 0 || (state.rows[shard] ?? null) === null) return;
    const rows = state.rows.with(shard, null);
    visit({ ...state, rows, rowLosses: rowLosses - 1 }, `the lease table loses row ${name}`);
  }

  #isUsedUp({ rows, ...state }: StreamState, shard: number): boolean {
    return (
      rows[shard]?.place === end ||
      recordsOf({ rows, ...state }, shard).every((id) => (state.trimmed & (1 << id)) !== 0)
    );
  }

  #trims(state: StreamState, shard: number, retention: number, visit: Visit<StreamState>): void {
    const oldest = recordsOf(state, shard).find((id) => (state.trimmed & (1 << id)) === 0);
    if (oldest === undefined || state.now - (state.records[oldest]?.at ?? 0) <= retention) return;
    visit({ ...state, trimmed: state.trimmed | (1 << oldest) }, `record ${oldest + 1} leaves the stream`);
  }

  #resets(state: StreamState, shard: number, visit: Visit<StreamState>): void {
    const row = state.rows[shard] ?? null;
    if (state.resets === 0 || row === null || row.owner >= 0 || row.place === end) return;
    const place = recordsOf(state, shard).length;
    if (place <= row.place) return;
    const rows = state.rows.with(shard, { ...row, place });
    visit(
      { ...state, resets: state.resets - 1, rows },
      `somebody sets the checkpoint of ${shardNames[shard]} to its end`,
    );
  }

  #restarts(state: StreamState, at: number, worker: Worker, visit: Visit<StreamState>): void {
    if (state.restarts === 0 || worker.holds.every((hold) => hold === null)) return;
    const rows = state.rows.map((row) => (row?.owner === at ? { ...row, owner: -1 } : row));
    const workers = state.workers.with(at, newWorker);
    visit({ ...state, restarts: state.restarts - 1, rows, workers }, `worker ${at} starts anew`);
  }

  #takes(state: StreamState, at: number, worker: Worker, visit: Visit<StreamState>): void {
    for (const [shard, row] of state.rows.entries()) {
      if (row === null || row.place === end || (worker.holds[shard] ?? null) !== null) continue;
      const lease = leaseOf(this.#options, shard, row);
      const isFree = this.#isFree(at, row, lease);
      if (!isFree && !this.#mayBeForced(state, at, row)) continue;
      const leases = new Map(leasesOf(this.#options, state.rows).map((each) => [each.shardId, each]));
      if (!this.#rules.isReadable(lease, leases)) continue;
      const hold = this.#reading.begun(state.now, row, lease, leases);
      const steals = isFree ? state.steals : state.steals - 1;
      const rows = state.rows.with(shard, rowOf(this.#rules.takenLease(lease, `w${at}`)));
      const workers = state.workers.with(at, { ...worker, holds: worker.holds.with(shard, hold) });
      const fault = this.#twoAtOnce(state, shard) ?? state.fault;
      visit({ ...state, steals, rows, workers, fault }, `worker ${at} takes ${shardNames[shard]}`);
    }
  }

  #mayBeForced({ steals }: StreamState, at: number, { owner, asked }: Row): boolean {
    return steals > 0 && (owner !== at || asked >= 0);
  }

  #isFree(at: number, row: Row, lease: ShardLease): boolean {
    if (row.owner < 0) return true;
    if (this.#options.asks === undefined || row.owner !== at) return false;
    return this.#options.fault === 'take-unhanded' || !this.#rules.isAsked(lease);
  }

  #twoAtOnce(state: StreamState, shard: number): string | null {
    const { asks = 0, steals = 0, restarts = 0 } = this.#options;
    const isRead = state.workers.some(({ holds }) => (holds[shard] ?? null) !== null);
    if (!isRead || asks === 0 || steals > 0 || restarts > 0) return null;
    return `hand-over: two workers read ${shardNames[shard]} at once`;
  }

  #asks(state: StreamState, at: number, worker: Worker, visit: Visit<StreamState>): void {
    if (state.asks === 0) return;
    for (const [shard, row] of state.rows.entries()) {
      if (row === null || (worker.holds[shard] ?? null) !== null) continue;
      const asked = this.#rules.askedLease(leaseOf(this.#options, shard, row), `w${at}`);
      if (asked === null) continue;
      const rows = state.rows.with(shard, rowOf(asked));
      visit({ ...state, asks: state.asks - 1, rows }, `worker ${at} asks for ${shardNames[shard]}`);
    }
  }

  /** In the order of the shipped worker: claims, rows, survey, alignment or watermark. */
  #scans(state: StreamState, at: number, worker: Worker, visit: Visit<StreamState>): void {
    const { scan } = worker;
    const go = (scan: Scan | null, verb: string, over: Partial<Worker> = {}, more: Partial<StreamState> = {}): void => {
      const workers = state.workers.with(at, { ...worker, ...over, scan });
      visit({ ...state, ...more, workers }, `worker ${at} ${verb}`);
    };
    if (scan === null) {
      if (state.scans === 0 || state.workers.some((each) => each.scan !== null)) return;
      const claims = worker.claims.map((claim, shard) =>
        this.#rules.laterClaim(claim, worker.holds[shard]?.readUpTo ?? null),
      );
      const begun: Scan = { claims, rows: [null, null, null], read: 0, isSurveyed: false };
      return go(begun, 'begins a scan', { claims }, { scans: state.scans - 1 });
    }
    const order = this.#options.childrenFirst === true ? [2, 1, 0] : [0, 1, 2];
    const shard = order[scan.read];
    if (shard !== undefined) {
      const rows = scan.rows.with(shard, state.rows[shard] ?? null);
      return go({ ...scan, rows, read: scan.read + 1 }, `reads row ${shardNames[shard]}`);
    }
    if (!scan.isSurveyed) return this.#survey(state, at, worker, scan, visit);
    this.#publish(state, at, worker, scan, visit);
  }

  #surveyed({ listed, now }: StreamState, worker: Worker): readonly Listing[] {
    const askedAt = this.#options.fault === 'late-listing' ? now + 1 : now;
    const before = worker.listings.at(-1)?.shards === listed ? worker.listings.slice(0, -1) : worker.listings;
    // Of equal listings in a row the last says everything, unless it is the first of all: that one tells what was there from the beginning.
    return [...before, { shards: listed, askedAt }];
  }

  #survey(state: StreamState, at: number, worker: Worker, scan: Scan, visit: Visit<StreamState>): void {
    const listings = this.#surveyed(state, worker);
    const leases = leasesOf(this.#options, scan.rows);
    const { create, remove } = this.#rules.alignLeases(shardsOf(this.#options, state.listed), leases, streamId);
    let { rows } = state;
    for (const lease of create) {
      const index = indexOf(lease.shardId);
      if ((rows[index] ?? null) === null) rows = rows.with(index, rowOf(lease));
    }
    for (const { shardId } of remove) rows = rows.with(indexOf(shardId), null);
    const isAligned = create.length + remove.length === 0;
    const next = isAligned ? { ...scan, isSurveyed: true } : null;
    const workers = state.workers.with(at, { ...worker, listings, scan: next });
    visit({ ...state, rows, workers }, `worker ${at} lists the shards${isAligned ? '' : ', and aligns the rows'}`);
  }

  #publish(state: StreamState, at: number, worker: Worker, scan: Scan, visit: Visit<StreamState>): void {
    const { watermarkOf, lowestOpen, newRoll } = this.#rules;
    const leases = leasesOf(this.#options, scan.rows);
    const workers = state.workers.with(at, { ...worker, scan: null });
    const memory = new Map(
      scan.claims.flatMap((claim, shard) => (claim === null ? [] : [[shardNames[shard] ?? '', claim]])),
    );
    const roll = newRoll();
    for (const { shards, askedAt } of worker.listings) roll.note(shardsOf(this.#options, shards), askedAt);
    const claimed = lowestOpen(leases)?.owner === `w${at}` ? watermarkOf(leases, memory) : null;
    const bound = roll.bound(leases, state.now);
    if (claimed === null || bound === null) return visit({ ...state, workers }, `worker ${at} publishes nothing`);
    const published = Math.min(claimed, bound);
    const watermark = this.#joined(state.watermark, published);
    const fault =
      this.#falsehood(state, published) ??
      (watermark < state.watermark ? `I3: the watermark goes back to ${watermark}` : null);
    visit({ ...state, workers, watermark, fault }, `worker ${at} publishes W = ${published}`);
  }

  /** What a pod makes of it. */
  #joined(before: number, at: number): number {
    const follower = this.#rules.newFollower();
    const route = { table: 'things', version: 1, writerEpoch: 1, topics: { a: 1 }, deleted: false };
    follower.applyRoute({ ...route, changedAt: 0, changedBy: 'model' });
    follower.setPartitionCount(1);
    follower.applyWatermark('a', 0, before, 1);
    follower.applyWatermark('a', 0, at, 1);
    return follower.watermark;
  }

  /** Everything accepted before it precedes it in the partition, or is lost and covered by a flush. */
  #falsehood({ records, produced, flushed }: StreamState, at: number): string | null {
    const missing = records.findIndex((record, id) => record.at < at && ((produced | flushed) & (1 << id)) === 0);
    return missing < 0
      ? null
      : `I3: W = ${at}, but record ${missing + 1} of time ${records[missing]?.at} does not precede it`;
  }
}

const newWorker: Worker = { holds: [null, null, null], claims: [null, null, null], listings: [], scan: null };
