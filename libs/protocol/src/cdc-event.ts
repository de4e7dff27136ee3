import { checkVersion } from './format-version.js';

/**
 * One transition of one item in one replica: "from write id A to write id B".
 *
 * On Kafka the message key is the item key, the message value is the item's `value` bytes exactly as stored (null when the item is
 * gone or holds none), and everything else is one compact header.
 */
export interface CdcEvent {
  readonly table: string;
  /** Item key, `<bucket>:<key>`. */
  readonly key: string;
  readonly kind: 'insert' | 'modify' | 'remove';
  /** Write id of the old image; `null` when there was none, or no item. */
  readonly from: string | null;
  /** Write id of the new image; `null` when there is none, or no item. */
  readonly to: string | null;
  /** When the replica applied it, µs since the epoch; `null` = no stamp (the fast lane never has one). */
  readonly stampUs: number | null;
  /** Seconds since the epoch; `null` = never. */
  readonly expiresAt: number | null;
  readonly codec: string | null;
  /** `cdc`: from the replica's change log; `fast`: from the writing pod, ahead of it. */
  readonly lane: 'cdc' | 'fast';
  /** Region of the replica. */
  readonly region: string;
  /** `shardId:sequenceNumber` in the region's stream; `null` on the fast lane. */
  readonly position: string | null;
  /** The new image's value, as stored; `null` when it holds none. */
  readonly value: Uint8Array | null;
  /** Whether each pod that has processed the event is to report its progress at once. */
  readonly report?: boolean;
}

/** What stands in a control record; it travels in the partition it speaks of, so it is ordered with the events there. */
export type ControlRecord =
  | {
      readonly control: 'watermark';
      readonly table: string;
      /** Every change that the stream accepted before this time (ms since the epoch) precedes this record in its partition. */
      readonly at: number;
      readonly streamId: string;
      /** Since which version of the route this topic has carried the table; `null` on the table topic. */
      readonly since: number | null;
    }
  | {
      readonly control: 'invalidate';
      readonly table: string;
      /** Item key. */
      readonly key: string;
      /** As in an event. */
      readonly report?: boolean;
    }
  | { readonly control: 'flush-table'; readonly table: string; readonly reason: string }
  | {
      readonly control: 'probe';
      readonly table: string;
      readonly id: string;
      /** Ms since the epoch. */ readonly at: number;
    };

/** A Kafka message as Tidemark reads and writes it, without its place. */
export interface WireRecord {
  readonly key: Uint8Array | string | null;
  readonly value: Uint8Array | null;
  readonly header: Uint8Array | string | null;
  /** Offset of the record in its table topic, as the dispatcher says in a header of its own; left out where nobody has said it. */
  readonly src?: number | undefined;
}

export type DecodedRecord =
  | { readonly type: 'event'; readonly event: CdcEvent }
  | { readonly type: 'control'; readonly record: ControlRecord }
  /** A newer minor's event kind: nothing is known but whose key it is, so drop that. */
  | { readonly type: 'unknown-event'; readonly table: string; readonly key: string }
  /** A newer minor's control record: flush the table. */
  | { readonly type: 'unknown-control'; readonly table: string }
  /** Another major version: refuse loudly. */
  | { readonly type: 'unsupported'; readonly version: string }
  | { readonly type: 'malformed'; readonly reason: string };

/** Name of the header that holds all but key and value. */
export const headerName = 'tm';
/** Name of the header that the dispatcher adds: the record's offset in the table topic, decimal. */
export const srcHeaderName = 'src';

const version = '1.0';
const kindCodes = { insert: 'i', modify: 'm', remove: 'r' } as const;
const kinds: ReadonlyMap<string, CdcEvent['kind']> = new Map([
  ['i', 'insert'],
  ['m', 'modify'],
  ['r', 'remove'],
]);

/** `1.0;e;kind;table;from;to;stampUs;expiresAt;codec;lane;region;position[;r]` */
export function encodeEvent(event: CdcEvent): WireRecord & { readonly key: string; readonly header: string } {
  const { kind, table, from, to, stampUs, expiresAt, codec, lane, region, position } = event;
  const fields = [table, from, to, stampUs, expiresAt, codec, lane === 'fast' ? 'f' : 'c', region, position].map(field);
  const asked = event.report === true ? ';r' : '';
  return { key: event.key, value: event.value, header: `${version};e;${kindCodes[kind]};${fields.join(';')}${asked}` };
}

/** `1.0;c;control;table;…` */
export function encodeControl(record: ControlRecord): WireRecord & { readonly header: string } {
  const rest = controlFields(record).map(field);
  const header = `${version};c;${record.control};${[field(record.table), ...rest].join(';')}`;
  return { key: record.control === 'invalidate' ? record.key : null, value: null, header };
}

function controlFields(record: ControlRecord): (string | number | null)[] {
  switch (record.control) {
    case 'watermark':
      return [wholeMs(record.at), record.streamId, record.since];
    case 'invalidate':
      return record.report === true ? ['r'] : [];
    case 'flush-table':
      return [record.reason];
    case 'probe':
      return [record.id, wholeMs(record.at)];
  }
}

/** Rounded down: a watermark may claim less than it could, never more; a fraction would make every reader flush. */
function wholeMs(ms: number): number {
  return Math.max(0, Math.floor(ms));
}

/** What the header `srcHeaderName` holds of an offset. */
export function encodeSrc(offset: number): string {
  return String(offset);
}

/** `undefined`: nobody has said it, or not in a way that can be read. Never throws. */
export function decodeSrc(header: Uint8Array | string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const text = textOf(header);
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

/** Reads a message of a table topic or cache topic; never throws. */
export function decodeRecord(message: WireRecord): DecodedRecord {
  if (message.header === null) return { type: 'malformed', reason: `no header ${headerName}` };
  const fields = textOf(message.header).split(';');
  const check = checkVersion(fields[0], 1);
  if (!check.readable) return { type: 'unsupported', version: check.version };
  const table = unfield(fields[3]);
  if (table === null) return { type: 'malformed', reason: 'no table' };
  const key = message.key === null ? null : textOf(message.key);
  if (fields[1] === 'c') return decodeControl(fields, table, key);
  if (fields[1] !== 'e') return { type: 'unknown-control', table };
  if (key === null) return { type: 'malformed', reason: 'an event without a key' };
  const kind = kinds.get(fields[2] ?? '');
  if (kind === undefined) return { type: 'unknown-event', table, key };
  return decodeEvent(fields, table, key, kind, message.value);
}

function decodeEvent(
  fields: readonly string[],
  table: string,
  key: string,
  kind: CdcEvent['kind'],
  value: Uint8Array | null,
): DecodedRecord {
  const region = unfield(fields[10]);
  const lane = fields[9] === 'c' ? 'cdc' : fields[9] === 'f' ? 'fast' : undefined;
  const stampUs = wholeNumber(fields[6]);
  const expiresAt = wholeNumber(fields[7]);
  if (region === null || lane === undefined || stampUs === undefined || expiresAt === undefined) {
    return { type: 'unknown-event', table, key };
  }
  const event: CdcEvent = {
    table,
    key,
    kind,
    from: unfield(fields[4]),
    to: unfield(fields[5]),
    stampUs,
    expiresAt,
    codec: unfield(fields[8]),
    lane,
    region,
    position: unfield(fields[11]),
    value,
    ...asksForReport(fields[12]),
  };
  return { type: 'event', event };
}

function decodeControl(fields: readonly string[], table: string, key: string | null): DecodedRecord {
  const record = readControl(fields, table, key);
  return record === undefined ? { type: 'unknown-control', table } : { type: 'control', record };
}

function readControl(fields: readonly string[], table: string, key: string | null): ControlRecord | undefined {
  switch (fields[2]) {
    case 'watermark': {
      const at = wholeNumber(fields[4]);
      const streamId = unfield(fields[5]);
      const since = wholeNumber(fields[6]);
      if (typeof at !== 'number' || streamId === null || since === undefined) return undefined;
      return { control: 'watermark', table, at, streamId, since };
    }
    case 'invalidate':
      return key === null ? undefined : { control: 'invalidate', table, key, ...asksForReport(fields[4]) };
    case 'flush-table':
      return { control: 'flush-table', table, reason: unfield(fields[4]) ?? '' };
    case 'probe': {
      const id = unfield(fields[4]);
      const at = wholeNumber(fields[5]);
      return id === null || typeof at !== 'number' ? undefined : { control: 'probe', table, id, at };
    }
    default:
      return undefined;
  }
}

/**
 * Whether a writer that does not follow Tidemark's rules made the new image: it left no write id, or kept the old one.
 * A removal has no new image and is never foreign.
 */
export function isForeign(event: Pick<CdcEvent, 'kind' | 'from' | 'to'>): boolean {
  return event.kind !== 'remove' && (event.to === null || event.to === event.from);
}

/** Left out where nobody asks, which is nearly always. */
function asksForReport(flag: string | undefined): { readonly report?: true } {
  return flag === 'r' ? { report: true } : {};
}

const plain = /^[\w.:+-]*$/;

/** `-` is null; anything that could be mistaken is percent-encoded. */
function field(value: string | number | null): string {
  if (value === null) return '-';
  if (typeof value === 'number') return String(value);
  if (value === '-') return '%2D';
  return plain.test(value) ? value : encodeURIComponent(value.toWellFormed());
}

function unfield(text: string | undefined): string | null {
  if (text === undefined || text === '-') return null;
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `null` = none; `undefined` = not a whole number. */
function wholeNumber(text: string | undefined): number | null | undefined {
  if (text === undefined || text === '-') return null;
  const n = /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(n) ? n : undefined;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
function textOf(bytes: Uint8Array | string): string {
  return typeof bytes === 'string' ? bytes : Buffer.isBuffer(bytes) ? bytes.toString('utf8') : decoder.decode(bytes);
}
