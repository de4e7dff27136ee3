import { type ShardLease, type ShardPage } from '@tidemark/pipeline/internals';
import { type Visit } from '../explore/explore.js';
import { type StreamOptions } from './stream-options.js';
import { type StreamRules } from './stream-rules.js';
import {
  checkpointOf,
  end,
  type Hold,
  indexOf,
  leaseOf,
  leasesOf,
  type Page,
  recordsOf,
  type Row,
  rowOf,
  shardNames,
  shardsOf,
  type StreamState,
  streamId,
  topologyOf,
  type Worker,
} from './stream-state.js';

/** The way of one shard under a lease, step by step as `syncShard` and `endShard` go it. */
export class ShardReading {
  readonly #options: StreamOptions;
  readonly #rules: StreamRules;
  /** Whether records can be lost at all: else nothing but a produced record will do. */
  readonly #canLose: boolean;
  /** Further behind than this, records may have left the stream unread. */
  readonly #limit: number;
  /** Whether what a row says can make a difference: a worker that is alone and lives on remembers it anyway. */
  readonly #isRowRead: boolean;

  constructor(options: StreamOptions, rules: StreamRules) {
    this.#options = options;
    this.#rules = rules;
    this.#canLose = options.retention !== undefined || options.resets !== undefined;
    this.#isRowRead = options.workers > 1 || (options.restarts ?? 0) > 0 || this.#canLose;
    this.#limit = options.retention === undefined ? Infinity : options.retention - 1;
  }

  begun(now: number, row: Row, lease: ShardLease, leases: ReadonlyMap<string, ShardLease>): Hold {
    const known = this.#rules.knownReadUpTo(lease, leases);
    const hole = this.#canLose ? this.#rules.holeBefore(lease, leases, now, this.#limit) : null;
    const coveredUpTo = this.#canLose ? (hole === 'checkpoint-reset' ? null : known) : 0;
    return {
      place: Math.max(0, row.place),
      page: null,
      claim: null,
      readUpTo: row.readUpTo,
      lateClosings: 0,
      coveredUpTo: hole === null ? coveredUpTo : null,
      endedAt: null,
      hasListedChildren: false,
      hasLooked: false,
    };
  }

  next(state: StreamState, at: number, worker: Worker, visit: Visit<StreamState>): void {
    for (const [shard, hold] of worker.holds.entries()) {
      if (hold === null) continue;
      const name = `${shardNames[shard]}`;
      const go = (after: Hold | null, verb: string, more: Partial<StreamState> = {}): void => {
        // What a worker has claimed stays true when the lease is gone.
        const claim = this.#rules.laterClaim(worker.claims[shard] ?? null, hold.readUpTo);
        const claims = after === null ? worker.claims.with(shard, claim) : worker.claims;
        const workers = state.workers.with(at, { ...worker, claims, holds: worker.holds.with(shard, after) });
        visit({ ...state, ...more, workers }, `worker ${at} ${verb}`);
      };
      if (hold.endedAt !== null) this.#ends(state, at, shard, hold, go);
      else if (hold.page !== null) this.#takesIn(state, hold, hold.page, go);
      else if (!hold.hasLooked && this.#gap(hold).beforeRead(state.now)) this.#flushes(state, hold, go);
      else if (this.#canLose && !hold.hasLooked) go({ ...hold, hasLooked: true }, 'sees that nothing can be missing');
      else this.#reads(state, shard, hold, name, go);
      if (hold.endedAt === null && this.#isRowRead) this.#writes(state, at, shard, hold, go);
    }
  }

  #gap({ coveredUpTo }: Hold): ReturnType<StreamRules['newGap']> {
    return this.#rules.newGap(this.#limit, coveredUpTo);
  }

  #flushes(state: StreamState, hold: Hold, go: Go): void {
    const isAcknowledged = this.#options.fault !== 'flush-later';
    const flushed = isAcknowledged ? allRecords(state) : state.flushed;
    const page = hold.page === null ? null : { ...hold.page, isFlushDue: false };
    const gap = this.#gap(hold);
    gap.covered(state.now);
    go({ ...hold, page, coveredUpTo: this.#coveredBy(gap) }, 'flushes every table', { flushed });
  }

  #reads(state: StreamState, shard: number, hold: Hold, name: string, go: Go): void {
    const ids = recordsOf(state, shard);
    const isOpen = (state.open & (1 << shard)) !== 0;
    const { smallPages = false, lateClosing = 0 } = this.#options;
    const ends = smallPages && ids.length - hold.place > 1 ? [hold.place + 1, ids.length] : [ids.length];
    for (const to of ends) {
      const isAtTip = to === ids.length;
      const mayClose = !isOpen && isAtTip;
      const mayWait = isOpen || !isAtTip || hold.lateClosings < lateClosing;
      const read = { ids, to, isOpen };
      if (mayClose) go(this.#paged(state, hold, { ...read, closed: true }), `reads ${name} to its end, which is said`);
      if (!mayWait) continue;
      const paged = this.#paged(state, hold, { ...read, closed: false });
      if (this.#isNothing(paged.page)) go(this.#takenIn(state, paged, paged.page), `reads nothing new of ${name}`);
      else go(paged, `reads ${name} up to its record ${to}`);
    }
  }

  #paged(state: StreamState, hold: Hold, { ids, to, isOpen, closed }: Read): Hold {
    const { laterClaim } = this.#rules;
    const isAtTip = to === ids.length;
    const next = ids[to];
    const lag = isAtTip || next === undefined ? 0 : state.now - (state.records[next]?.at ?? 0);
    const fresh = ids.slice(hold.place, to).filter((id) => (state.trimmed & (1 << id)) === 0);
    const records = fresh.reduce((mask, id) => mask | (1 << id), 0);
    const shown = pageOf({ askedAt: state.now, lag, closed });
    const gap = this.#gap(hold);
    const isFlushDue = gap.onPage(shown);
    const page: Page = { askedAt: state.now, to, records, closed, lag, isFlushDue };
    const isWaiting = isAtTip && !closed && !isOpen;
    let { claim, readUpTo } = hold;
    if (claim !== null && !closed) readUpTo = laterClaim(readUpTo, claim);
    if (this.#options.fault === 'claim-unacknowledged') claim = this.#rules.claimOf(shown);
    if (this.#options.fault === 'claim-unacknowledged') readUpTo = laterClaim(readUpTo, claim);
    const lateClosings = hold.lateClosings + (isWaiting ? 1 : 0);
    return { ...hold, hasLooked: false, page, claim: null, readUpTo, lateClosings, coveredUpTo: this.#coveredBy(gap) };
  }

  /** Nothing in it waits for an acknowledgement, so it is read and taken in at one go. */
  #isNothing(page: Page | null): page is Page {
    return page !== null && page.records === 0 && !page.isFlushDue && this.#options.fault !== 'late-askedAt';
  }

  #takesIn(state: StreamState, hold: Hold, page: Page, go: Go): void {
    if (page.isFlushDue) return this.#flushes(state, hold, go);
    const produced = state.produced | page.records;
    const fault = this.#disorder(state, page) ?? state.fault;
    go(this.#takenIn(state, hold, page), 'has its page acknowledged', { produced, fault });
  }

  /** A record that comes before one of the shard that its own shard followed. */
  #disorder(state: StreamState, { records }: Page): string | null {
    if (this.#canLose) return null;
    for (const [id, { shard }] of state.records.entries()) {
      if ((records & ~state.produced & (1 << id)) === 0) continue;
      for (const parent of topologyOf(this.#options).parents[shard] ?? []) {
        const late = recordsOf(state, parent).find((each) => (state.produced & (1 << each)) === 0);
        if (late !== undefined) return `order: record ${id + 1} comes before record ${late + 1} of a parent`;
      }
    }
    return null;
  }

  #takenIn(state: StreamState, hold: Hold, page: Page): Hold {
    const { fault } = this.#options;
    const after: Hold = { ...hold, page: null, place: page.to };
    if (page.closed) {
      const proven = fault === 'closing-claims' ? page.askedAt : null;
      const endedAt = Math.min(page.askedAt, this.#canLose ? (hold.coveredUpTo ?? page.askedAt) : page.askedAt);
      return { ...after, endedAt, readUpTo: this.#rules.laterClaim(hold.readUpTo, proven) };
    }
    const askedAt = fault === 'late-askedAt' ? state.now : page.askedAt;
    const claim = this.#rules.claimOf(pageOf({ ...page, askedAt }));
    const readUpTo = fault === 'no-hold-back' ? this.#rules.laterClaim(hold.readUpTo, claim) : hold.readUpTo;
    return { ...after, claim, readUpTo };
  }

  /** Up to when it counts the shard as covered; where that makes no difference, ever the same. */
  #coveredBy({ coveredUpTo }: ReturnType<StreamRules['newGap']>): number | null {
    return this.#canLose && (coveredUpTo === null || this.#limit !== Infinity) ? coveredUpTo : 0;
  }

  #writes(state: StreamState, at: number, shard: number, hold: Hold, go: Go): void {
    const { renewedLease, checkpointedLease } = this.#rules;
    const row = state.rows[shard] ?? null;
    if (row?.asked === at) return this.#handsOver(state, shard, hold, row, go);
    if (row?.owner !== at) return go(null, `learns that ${shardNames[shard]} is not its any more`);
    const lease = leaseOf(this.#options, shard, row);
    const hasMoved = hold.place > Math.max(0, row.place);
    const written = hasMoved
      ? checkpointedLease(lease, checkpointOf(hold.place), hold.readUpTo)
      : renewedLease(lease, hold.readUpTo);
    const next = rowOf(written);
    if (next.place === row.place && next.readUpTo === row.readUpTo && next.written === row.written) return;
    go(hold, `writes row ${shardNames[shard]}`, { rows: state.rows.with(shard, next) });
  }

  /** Nothing of the shard is on its way then, and the row says all that is known. */
  #handsOver(state: StreamState, shard: number, hold: Hold, row: Row, go: Go): void {
    const { fault } = this.#options;
    const isEarly = fault === 'hand-over-unacknowledged';
    if (hold.page !== null && !isEarly) return;
    const readUpTo = fault === 'hand-over-claims' ? this.#rules.laterClaim(hold.readUpTo, hold.claim) : hold.readUpTo;
    const lease = leaseOf(this.#options, shard, row);
    const place = hold.place > Math.max(0, row.place) ? hold.place : row.place;
    const next = rowOf(this.#rules.handedOverLease(lease, checkpointOf(place), readUpTo));
    const after = (isEarly && hold.page !== null) || fault === 'reads-on' ? hold : null;
    go(after, `hands ${shardNames[shard]} over`, { rows: state.rows.with(shard, next) });
  }

  /** Children's rows first, then the mark. */
  #ends(state: StreamState, at: number, shard: number, hold: Hold, go: Go): void {
    const name = shardNames[shard] ?? '';
    if (!hold.hasListedChildren && this.#options.fault !== 'end-first') {
      const leases = leasesOf(this.#options, state.rows);
      const plan = this.#rules.planShardEnd(name, shardsOf(this.#options, state.listed), leases, streamId);
      if (!plan.ready) return;
      let { rows } = state;
      for (const lease of plan.create) rows = rows.with(indexOf(lease.shardId), rowOf(lease));
      return go({ ...hold, hasListedChildren: true }, `creates rows for the children of ${name}`, { rows });
    }
    const row = state.rows[shard] ?? null;
    if (row?.asked === at) return this.#handsOver(state, shard, hold, row, go);
    if (row?.owner !== at) return go(null, `learns that ${name} is not its any more`);
    const lease = this.#rules.checkpointedLease(leaseOf(this.#options, shard, row), checkpointOf(end), hold.endedAt);
    go(null, `marks ${name} as ended`, { rows: state.rows.with(shard, rowOf(lease)) });
  }
}

/** A read of a shard whose records are `ids`, up to the one of number `to`. */
interface Read {
  readonly ids: readonly number[];
  readonly to: number;
  readonly isOpen: boolean;
  readonly closed: boolean;
}

type Go = (after: Hold | null, verb: string, more?: Partial<StreamState>) => void;

function pageOf({ askedAt, lag, closed }: Pick<Page, 'askedAt' | 'lag' | 'closed'>): ShardPage {
  return { records: [], askedAt, millisBehindLatest: lag, closed, gap: false };
}

function allRecords({ records }: StreamState): number {
  return (1 << records.length) - 1;
}
