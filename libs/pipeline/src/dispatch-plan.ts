import { decodeRecord, encodeControl, isLive, type Route, targetsOf, type WireRecord } from '@tidemark/protocol';

import { isForBuckets } from './dispatch-filter.js';
import { type OutgoingRecord, type SourceBatch } from './ports.js';
import { credible } from './watermark.js';

/** What is known of a topic; `undefined` where nobody has asked yet. */
export type TopicCount =
  { readonly partitions: number } | { readonly problem: string; readonly missing: boolean } | undefined;

/** A cache topic of a table, since which version of the route it has carried it, and which buckets of it; default all. */
export interface DispatchTarget {
  readonly topic: string;
  readonly since: number;
  readonly buckets?: readonly string[];
}

/** What is to be done with a table's events. */
export type TablePlan =
  | { readonly type: 'dispatch'; readonly targets: readonly DispatchTarget[] }
  /** No route: they wait in the table topic. */
  | { readonly type: 'unrouted' }
  /** A route that cannot be served as it stands: they wait, and somebody must act. */
  | { readonly type: 'blocked'; readonly reason: string };

/** A record keeps its partition number, so a table topic and all its targets must have the same partition count. */
export function planTable(
  route: Route | undefined,
  tableTopic: string,
  countOf: (topic: string) => TopicCount,
): TablePlan {
  if (route === undefined || !isLive(route)) return { type: 'unrouted' };
  const expected = countOf(tableTopic);
  const targets = targetsOf(route);
  for (const topic of [tableTopic, ...targets.map((target) => target.topic)]) {
    const reason = countProblem(topic, countOf(topic), tableTopic, expected);
    if (reason !== undefined) return { type: 'blocked', reason };
  }
  return { type: 'dispatch', targets: targets.map(targetOf) };
}

function targetOf({ topic, since, buckets }: DispatchTarget): DispatchTarget {
  return buckets === undefined ? { topic, since } : { topic, since, buckets };
}

function countProblem(topic: string, count: TopicCount, tableTopic: string, expected: TopicCount): string | undefined {
  if (count === undefined) return `${topic}: its partition count is not known yet`;
  if ('problem' in count) return `${topic}: ${count.problem}`;
  if (expected === undefined || 'problem' in expected || count.partitions === expected.partitions) return undefined;
  return `${topic}: ${count.partitions} partitions, but ${tableTopic} has ${expected.partitions}`;
}

/** What a watermark says, without the topic it says it in. */
export interface PassedWatermark {
  /** Ms since the epoch. */
  readonly at: number;
  readonly streamId: string;
}

/** Consecutive records of one partition that are sent together. */
export interface Chunk {
  readonly records: readonly WireRecord[];
  /** The watermarks among them, by their place in `records`. */
  readonly watermarks: ReadonlyMap<number, PassedWatermark>;
}

/**
 * Cuts a batch into chunks of at most `recordsMax`. Records were lost before one that is `afterGap`, so a flush of the whole table stands in
 * front of it: what the pods hold may have been overwritten by what nobody will ever tell them. The same before one that is `uncharted`: offsets may have
 * begun anew, and pods know records by them.
 */
export function* chunksOf(
  table: string,
  batch: Marks & { readonly records: readonly WireRecord[] },
  recordsMax: number,
): Generator<Chunk> {
  const reason = flushReason(batch);
  const records =
    reason === undefined ? batch.records : [encodeControl({ control: 'flush-table', table, reason }), ...batch.records];
  for (let start = 0; start < records.length; start += recordsMax) {
    const isWhole = start === 0 && records.length <= recordsMax;
    yield chunkOf(table, isWhole ? records : records.slice(start, start + recordsMax));
  }
}

function chunkOf(table: string, records: readonly WireRecord[]): Chunk {
  return { records, watermarks: watermarksOf(table, records) };
}

type Marks = Pick<SourceBatch, 'afterGap' | 'uncharted'>;

function flushReason({ afterGap, uncharted }: Marks): string | undefined {
  if (afterGap === true) return 'records of the table topic were lost';
  return uncharted === true ? 'the first record of the table topic for this group' : undefined;
}

/**
 * What stands for a chunk that a topic refuses as too large: its halves; of a single record the key alone, which every pod drops, or a flush where
 * it has no key. `undefined`: there is nothing to leave out.
 */
export function smallerChunks(table: string, { records }: Chunk): readonly Chunk[] | undefined {
  const [first] = records;
  if (records.length > 1) {
    const middle = Math.ceil(records.length / 2);
    return [records.slice(0, middle), records.slice(middle)].map((half) => chunkOf(table, half));
  }
  return first === undefined || first.value === null ? undefined : [chunkOf(table, [withoutValue(table, first)])];
}

function withoutValue(table: string, { key, src }: WireRecord): WireRecord {
  if (key === null)
    return { ...encodeControl({ control: 'flush-table', table, reason: 'a record is too large' }), src };
  const text = typeof key === 'string' ? key : Buffer.from(key).toString('utf8');
  return { ...encodeControl({ control: 'invalidate', table, key: text }), src };
}

/** The highest watermark of a chunk that is credible at `now`, ms since the epoch. */
export function highestOf(chunk: Chunk, now: number): PassedWatermark | undefined {
  let highest: PassedWatermark | undefined;
  for (const watermark of chunk.watermarks.values()) {
    const isHigher = highest === undefined || watermark.at > highest.at;
    if (isHigher && credible(watermark.at, now) !== null) highest = watermark;
  }
  return highest;
}

/**
 * A chunk as one target gets it: every byte as it was, but each watermark with that target's `since`, and events of its buckets alone. Each
 * record says where it stands in the table topic; what the dispatcher says of its own accord stands nowhere there.
 */
export function outgoing(
  table: string,
  partition: number,
  chunk: Chunk,
  since: number,
  buckets?: readonly string[],
): OutgoingRecord[] {
  const all = chunk.records.map((record, index) => {
    const watermark = chunk.watermarks.size === 0 ? undefined : chunk.watermarks.get(index);
    if (watermark === undefined) return { partition, record };
    return { partition, record: { ...watermarkRecord(table, watermark, since), src: record.src } };
  });
  return buckets === undefined ? all : all.filter(({ record }) => isForBuckets(record, buckets));
}

export function watermarkRecord(table: string, { at, streamId }: PassedWatermark, since: number): WireRecord {
  return encodeControl({ control: 'watermark', table, at, streamId, since });
}

function watermarksOf(table: string, records: readonly WireRecord[]): Map<number, PassedWatermark> {
  const watermarks = new Map<number, PassedWatermark>();
  let index = -1;
  for (const record of records) {
    index += 1;
    if (!mayBeControl(record.header)) continue;
    const decoded = decodeRecord(record);
    if (decoded.type !== 'control' || decoded.record.control !== 'watermark') continue;
    const { at, streamId } = decoded.record;
    if (decoded.record.table === table) watermarks.set(index, { at, streamId });
  }
  return watermarks;
}

/** Looks at the head alone, `<major>.<minor>;c;`: nearly every record is an event, and an event need not be read to be passed on. */
function mayBeControl(header: WireRecord['header']): boolean {
  if (header === null) return false;
  if (typeof header === 'string') return header.startsWith(';c;', header.indexOf(';'));
  const first = header.indexOf(separatorByte);
  return header[first + 1] === controlByte && header[first + 2] === separatorByte;
}

const separatorByte = ';'.charCodeAt(0);
const controlByte = 'c'.charCodeAt(0);
