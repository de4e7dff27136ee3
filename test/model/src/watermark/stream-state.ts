import { type Checkpoint, type Shard, type ShardLease } from '@tidemark/pipeline/internals';
import { type StreamOptions } from './stream-options.js';

export interface StreamRecord {
  readonly shard: number;
  /** When the stream accepted it. */
  readonly at: number;
}

/** A row of the lease table. Places count the records of the shard: -1 is the oldest there is, `end` the end mark. */
export interface Row {
  /** Worker; -1: nobody. */
  readonly owner: number;
  /** Worker that is to hand the shard over to `owner`; -1: nobody. */
  readonly asked: number;
  readonly place: number;
  /** The place as a worker wrote it last. */
  readonly written: number;
  readonly readUpTo: number | null;
  /** Shards, a bit mask: those of its parents that were listed when it was created. */
  readonly parents: number;
}

export interface Page {
  readonly askedAt: number;
  readonly to: number;
  /** Records, a bit mask. */
  readonly records: number;
  readonly closed: boolean;
  readonly lag: number;
  readonly isFlushDue: boolean;
}

/** A worker that reads a shard; it may have lost the lease and not know it. */
export interface Hold {
  readonly place: number;
  readonly page: Page | null;
  /** What the page before proves as soon as another shows that the shard went on. */
  readonly claim: number | null;
  readonly readUpTo: number | null;
  /** Pages at the end of the closed shard that did not say so. */
  readonly lateClosings: number;
  readonly coveredUpTo: number | null;
  /** When the page that closed the shard was asked for. */
  readonly endedAt: number | null;
  readonly hasListedChildren: boolean;
  /** Where records can be lost: whether it has been asked, before the next read, if any may be missing. */
  readonly hasLooked: boolean;
}

export interface Listing {
  /** Shards, a bit mask. */
  readonly shards: number;
  readonly askedAt: number;
}

export interface Scan {
  readonly claims: readonly (number | null)[];
  readonly rows: readonly (Row | null)[];
  /** Rows read so far. */
  readonly read: number;
  readonly isSurveyed: boolean;
}

export interface Worker {
  readonly holds: readonly (Hold | null)[];
  readonly claims: readonly (number | null)[];
  readonly listings: readonly Listing[];
  readonly scan: Scan | null;
}

/** One stream, its lease table, the workers, and one partition of one table topic. Sets of shards and of records are bit masks. */
export interface StreamState {
  readonly now: number;
  readonly records: readonly StreamRecord[];
  /** Shards that were ever there, those that take records, and those that are listed. */
  readonly made: number;
  readonly open: number;
  readonly listed: number;
  /** Records acknowledged by Kafka, those that have left the stream, and those that a flush covers. */
  readonly produced: number;
  readonly trimmed: number;
  readonly flushed: number;
  readonly rows: readonly (Row | null)[];
  readonly workers: readonly Worker[];
  /** What a pod has made of the watermarks; -1: it has seen none. */
  readonly watermark: number;
  readonly steals: number;
  readonly asks: number;
  readonly restarts: number;
  readonly scans: number;
  readonly resets: number;
  readonly rowLosses: number;
  readonly fault: string | null;
}

export const end = 99;
export const shardNames = ['A', 'B', 'C'] as const;

const hashMax = (1n << 128n) - 1n;
const middle = 1n << 127n;
const whole = [0n, hashMax] as const;
const low = [0n, middle - 1n] as const;
const high = [middle, hashMax] as const;

interface Topology {
  readonly ranges: readonly (readonly [bigint, bigint])[];
  readonly parents: readonly (readonly number[])[];
  /** At the beginning. */
  readonly open: number;
}

const topologies: Record<StreamOptions['shape'], Topology> = {
  one: { ranges: [whole], parents: [[]], open: 0b1 },
  split: { ranges: [whole, low, high], parents: [[], [0], [0]], open: 0b1 },
  merge: { ranges: [low, high, whole], parents: [[], [], [0, 1]], open: 0b11 },
};

export function topologyOf({ shape }: StreamOptions): Topology {
  return topologies[shape];
}

/** The shards after the change. */
export function changedShards({ shape }: StreamOptions): number {
  return shape === 'split' ? 0b110 : shape === 'merge' ? 0b100 : 0;
}

export const streamId = 'stream';

/** `parents`: of its parents, those in this mask. */
export function shardOf(options: StreamOptions, index: number, parents: number): Shard {
  const topology = topologyOf(options);
  const [start, endHash] = topology.ranges[index] ?? whole;
  const among = (topology.parents[index] ?? []).filter((parent) => (parents & (1 << parent)) !== 0);
  return {
    shardId: shardNames[index] ?? '',
    parents: among.map((parent) => shardNames[parent] ?? ''),
    startHash: String(start),
    endHash: String(endHash),
  };
}

export function shardsOf(options: StreamOptions, listed: number): Shard[] {
  return shardNames.flatMap((_, index) => ((listed & (1 << index)) === 0 ? [] : [shardOf(options, index, listed)]));
}

export function leaseOf(options: StreamOptions, index: number, row: Row): ShardLease {
  return {
    ...shardOf(options, index, row.parents),
    streamId,
    owner: row.owner < 0 ? null : `w${row.owner}`,
    ...(row.asked < 0 ? {} : { checkpointOwner: `w${row.asked}` }),
    counter: 0,
    checkpoint: checkpointOf(row.place),
    writtenCheckpoint: checkpointOf(row.written),
    ownerSwitches: 0,
    readUpTo: row.readUpTo,
  };
}

export function leasesOf(options: StreamOptions, rows: readonly (Row | null)[]): ShardLease[] {
  return rows.flatMap((row, index) => (row === null ? [] : [leaseOf(options, index, row)]));
}

export function indexOf(shardId: string): number {
  return shardNames.indexOf(shardId as (typeof shardNames)[number]);
}

/** What a store keeps of a lease that a worker has made. */
export function rowOf({ owner, checkpointOwner, checkpoint, writtenCheckpoint, readUpTo, parents }: ShardLease): Row {
  return {
    owner: owner === null ? -1 : Number(owner.slice(1)),
    asked: checkpointOwner === undefined ? -1 : Number(checkpointOwner.slice(1)),
    place: placeOf(checkpoint),
    written: placeOf(writtenCheckpoint ?? checkpoint),
    readUpTo,
    parents: parents.reduce((mask, parent) => mask | (1 << indexOf(parent)), 0),
  };
}

export function checkpointOf(place: number): Checkpoint {
  return place < 0 ? 'TRIM_HORIZON' : place === end ? 'SHARD_END' : String(place);
}

function placeOf(checkpoint: Checkpoint): number {
  return checkpoint === 'TRIM_HORIZON' ? -1 : checkpoint === 'SHARD_END' ? end : Number(checkpoint);
}

/** Records of a shard in order, by their number in the stream. */
export function recordsOf({ records }: StreamState, shard: number): number[] {
  return records.flatMap((record, id) => (record.shard === shard ? [id] : []));
}
