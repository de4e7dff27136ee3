import { TableFollower } from '@tidemark/cache/internals';
import { RetentionGap, type ShardLease, type ShardPage } from '@tidemark/pipeline/internals';
import { type StreamOptions } from './stream-options.js';
import { gapOf, shippedRules } from './stream-rules.js';

/** A safeguard taken away, and the least that shows what it is for. */
export interface StreamRemoval {
  /** The hazard, and what is missing. */
  readonly name: string;
  readonly options: StreamOptions;
  readonly breaks: RegExp;
}

const falseWatermark = /^I3: W = /;

const split: StreamOptions = { shape: 'split', ticks: 1, records: 1, workers: 1, scans: 1 };
const one: StreamOptions = { shape: 'one', ticks: 1, records: 1, workers: 1, scans: 1 };
const fading: StreamOptions = { shape: 'one', ticks: 4, records: 1, workers: 1, scans: 1, retention: 2 };

const handed: StreamOptions = { ...one, workers: 2, asks: 1 };
const twoAtOnce = /^hand-over: two workers read A at once/;

/** What the stream lists holds nothing back: then the other safeguards are all there is. */
const newRoll: typeof shippedRules.newRoll = () => ({ note: () => undefined, bound: () => Infinity });

class PodBelievesTheLast extends TableFollower {
  #last = 0;

  override applyWatermark(topic: string, partition: number, at: number, since: number): void {
    this.#last = at;
    super.applyWatermark(topic, partition, at, since);
  }

  override get watermark(): number {
    return this.#last;
  }
}

const alignsNothing: typeof shippedRules.alignLeases = () => ({ create: [], replace: [], remove: [] });

/** A row that says it has the whole key space. */
function whole(row: ShardLease): ShardLease {
  return { ...row, startHash: '0', endHash: String((1n << 128n) - 1n) };
}

const noCover: typeof shippedRules.watermarkOf = (rows, memory) => shippedRules.watermarkOf(rows.map(whole), memory);

const unreadRowsIgnored: typeof shippedRules.watermarkOf = (rows, memory) =>
  noCover(
    rows.filter((row) => row.readUpTo !== null || memory.has(row.shardId)),
    memory,
  );

/** Counts a page as read before it asks whether anything may be missing before it. */
class AsksTooLate extends RetentionGap {
  override onPage(page: ShardPage): boolean {
    this.covered(page.askedAt - (page.millisBehindLatest ?? 0));
    return super.onPage(page);
  }
}

const neverAsks: typeof shippedRules.newGap = () => ({
  beforeRead: () => false,
  onPage: () => false,
  covered: () => undefined,
  coveredUpTo: 0,
});

const anyParentEnded: typeof shippedRules.isReadable = (lease, rows) =>
  lease.parents.length === 0 || lease.parents.some((parent) => rows.get(parent)?.checkpoint === 'SHARD_END');

const resetIsNoHole: typeof shippedRules.holeBefore = (lease, rows, now, limit) =>
  shippedRules.holeBefore({ ...lease, writtenCheckpoint: lease.checkpoint }, rows, now, limit);

const podBelievesTheLast = (): TableFollower => new PodBelievesTheLast('things', () => undefined);

export const streamRemovals: readonly StreamRemoval[] = [
  {
    name: 'hazard 49: the page that closes a shard claims (and the listing holds nothing back)',
    options: { ...split, fault: 'closing-claims', rules: { newRoll } },
    breaks: falseWatermark,
  },
  {
    name: 'hazard 49: a page claims before another shows that the shard went on (and the listing holds nothing back)',
    options: { ...split, lateClosing: 1, fault: 'no-hold-back', rules: { newRoll } },
    breaks: falseWatermark,
  },
  {
    name: 'hazard 49: what the stream lists and no row knows holds nothing back',
    options: { ...split, lateClosing: 2, rules: { newRoll } },
    breaks: falseWatermark,
  },
  {
    name: 'hazards 49 and 51: rows need not cover the key space (and the listing neither holds anything back nor brings rows)',
    options: {
      ...split,
      shape: 'merge',
      rowLosses: 1,
      rules: { newRoll, watermarkOf: noCover, alignLeases: alignsNothing },
    },
    breaks: falseWatermark,
  },
  {
    name: 'hazard 49: a shard is marked as ended before its children have rows (and neither cover nor listing count)',
    options: { ...split, shape: 'merge', lateClosing: 2, fault: 'end-first', rules: { newRoll, watermarkOf: noCover } },
    breaks: falseWatermark,
  },
  {
    name: 'hazard 49: a row that nobody has read holds nothing back',
    options: { ...split, scans: 2, rules: { watermarkOf: unreadRowsIgnored } },
    breaks: falseWatermark,
  },
  {
    name: 'hazard 49: a listing is said to be later than it is',
    options: { ...split, lateClosing: 2, scans: 2, fault: 'late-listing' },
    breaks: falseWatermark,
  },
  {
    name: 'a page claims before it is acknowledged',
    options: { ...one, fault: 'claim-unacknowledged' },
    breaks: falseWatermark,
  },
  {
    name: 'a page is said to be asked for when it was acknowledged',
    options: { ...one, records: 2, fault: 'late-askedAt' },
    breaks: falseWatermark,
  },
  {
    name: 'hazard 50: a pod believes the last watermark, not the highest',
    options: { ...one, records: 0, workers: 2, steals: 1, scans: 2, rules: { newFollower: podBelievesTheLast } },
    breaks: /^I3: the watermark goes back/,
  },
  {
    name: 'hazard 33: a shard that was asked for is taken before it is handed over',
    options: { ...handed, fault: 'take-unhanded' },
    breaks: twoAtOnce,
  },
  {
    name: 'hazard 33: a shard is handed over before what was read of it is acknowledged',
    options: { ...handed, fault: 'hand-over-unacknowledged' },
    breaks: twoAtOnce,
  },
  {
    name: 'hazard 33: who has handed a shard over goes on reading it',
    options: { ...handed, fault: 'reads-on' },
    breaks: twoAtOnce,
  },
  {
    name: 'hazards 33 and 49: a hand-over claims what no later page has shown (and the listing holds nothing back)',
    options: { ...split, workers: 2, asks: 1, lateClosing: 1, fault: 'hand-over-claims', rules: { newRoll } },
    breaks: falseWatermark,
  },
  {
    name: 'hazard 32: a merged shard is read after one of two parents',
    options: { ...split, shape: 'merge', records: 2, rules: { isReadable: anyParentEnded } },
    breaks: /^order/,
  },
  {
    name: 'hazard 36: records that left the stream unread are not noticed',
    options: { ...fading, rules: { newGap: neverAsks } },
    breaks: falseWatermark,
  },
  {
    name: 'hazard 36: a page after a stand-still counts as read before it is asked what came before it',
    options: { ...fading, rules: { newGap: (limit, covered) => gapOf(AsksTooLate, limit, covered) } },
    breaks: falseWatermark,
  },
  {
    name: 'hazards 36 and 51: what is lost counts as flushed before that is acknowledged',
    options: { ...fading, fault: 'flush-later' },
    breaks: falseWatermark,
  },
  {
    name: 'hazard 51: a shard of which nothing is known counts as read up to now',
    options: { ...fading, rules: { knownReadUpTo: () => 4, holeBefore: () => null } },
    breaks: falseWatermark,
  },
  {
    name: 'hazard 51: a checkpoint that somebody has reset is believed',
    options: { ...one, restarts: 1, resets: 1, rules: { holeBefore: resetIsNoHole } },
    breaks: falseWatermark,
  },
];
