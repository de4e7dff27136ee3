import { type CdcEvent } from './cdc-event.js';
import { type BinaryEncoding, type ImageResult, readImage } from './item-attributes.js';
import { type ItemImage, type Payload } from './item.js';

export interface ChangeRecordContext {
  /** How binary attributes are encoded in the record: AWS documents twice; captures with once exist. */
  readonly binary: BinaryEncoding;
  /** Region of the replica whose stream this is; a record of another region is malformed. */
  readonly region: string;
  /** `shardId:sequenceNumber`. */
  readonly position: string;
}

export type Translation =
  | { readonly ok: true; readonly event: CdcEvent }
  /** `table` and `key` as far as they could be read: they say how much must be dropped. */
  | { readonly ok: false; readonly reason: string; readonly table: string | null; readonly key: string | null };

const kinds: ReadonlyMap<unknown, CdcEvent['kind']> = new Map([
  ['INSERT', 'insert'],
  ['MODIFY', 'modify'],
  ['REMOVE', 'remove'],
]);

/** DynamoDB's change record, as Kinesis delivers it, → a CDC event. Pure; never throws. */
export function translateChangeRecord(record: Uint8Array, context: ChangeRecordContext): Translation {
  const root = parseObject(record);
  if (root === undefined) return { ok: false, reason: 'expected a JSON object', table: null, key: null };
  const change = objectOf(root['dynamodb']);
  const table = typeof root['tableName'] === 'string' && root['tableName'] !== '' ? root['tableName'] : null;
  const key = keyOf(change);
  const kind = kinds.get(root['eventName']);
  if (table === null) return { ok: false, reason: 'tableName: expected a string', table, key };
  if (key === null) return { ok: false, reason: 'dynamodb.Keys.key: expected a string', table, key };
  if (kind === undefined) return { ok: false, reason: 'eventName: expected INSERT, MODIFY or REMOVE', table, key };
  if (root['awsRegion'] !== context.region)
    return { ok: false, reason: `awsRegion: expected ${context.region}`, table, key };
  const images = readImages(change, kind, key, context.binary);
  if (typeof images === 'string') return { ok: false, reason: images, table, key };
  return {
    ok: true,
    event: {
      table,
      key,
      kind,
      ...transitionOf(images),
      stampUs: stampOf(change),
      lane: 'cdc',
      region: context.region,
      position: context.position,
    },
  };
}

interface Images {
  readonly before: ItemImage | undefined;
  readonly after: ItemImage | undefined;
}

/** Both images, or why the record cannot be trusted. */
function readImages(
  change: JsonObject | undefined,
  kind: CdcEvent['kind'],
  key: string,
  binary: BinaryEncoding,
): Images | string {
  const before = imageOf(change, 'OldImage', binary);
  const after = imageOf(change, 'NewImage', binary);
  if (before?.ok === false) return `OldImage: ${before.reason}`;
  if (after?.ok === false) return `NewImage: ${after.reason}`;
  const shape = shapeProblem(kind, before !== undefined, after !== undefined);
  if (shape !== undefined) return shape;
  if (after !== undefined && after.image.key !== key) return 'NewImage.key: expected the key of Keys';
  return { before: before?.image, after: after?.image };
}

/** INSERT has the new image, REMOVE the old one, MODIFY both. */
function shapeProblem(kind: CdcEvent['kind'], hasOld: boolean, hasNew: boolean): string | undefined {
  if (hasOld !== (kind !== 'insert')) return `OldImage: ${hasOld ? 'none' : 'one'} expected for ${kind}`;
  if (hasNew !== (kind !== 'remove')) return `NewImage: ${hasNew ? 'none' : 'one'} expected for ${kind}`;
  return undefined;
}

function transitionOf({ before, after }: Images): Pick<CdcEvent, 'from' | 'to' | 'expiresAt' | 'codec' | 'value'> {
  const value = after?.value ?? null;
  return {
    from: before?.writeId ?? null,
    to: after?.writeId ?? null,
    expiresAt: after?.expiresAt ?? null,
    codec: after?.codec ?? null,
    value: value === null ? null : bytesOf(value),
  };
}

type JsonObject = Readonly<Record<string, unknown>>;

function parseObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    return objectOf(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')));
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

function keyOf(change: JsonObject | undefined): string | null {
  const text = objectOf(objectOf(change?.['Keys'])?.['key'])?.['S'];
  return typeof text === 'string' ? text : null;
}

function imageOf(
  change: JsonObject | undefined,
  name: 'OldImage' | 'NewImage',
  binary: BinaryEncoding,
): ImageResult | undefined {
  const raw = change?.[name];
  return raw === undefined || raw === null ? undefined : readImage(raw, binary);
}

/** µs since the epoch. The precision field says which unit; without it AWS means milliseconds; with an unknown one there is no stamp. */
function stampOf(change: JsonObject | undefined): number | null {
  const at = change?.['ApproximateCreationDateTime'];
  if (typeof at !== 'number' || !Number.isFinite(at) || at < 0) return null;
  const precision = change?.['ApproximateCreationDateTimePrecision'] ?? 'MILLISECOND';
  const us = precision === 'MICROSECOND' ? at : precision === 'MILLISECOND' ? at * 1_000 : Number.NaN;
  return Number.isSafeInteger(us) ? us : null;
}

function bytesOf(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload, 'utf8') : payload;
}
