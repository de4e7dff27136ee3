/** A stored value: text of a text codec (DynamoDB type S), or bytes (B). */
export type Payload = string | Uint8Array;

/** The names of an item's attributes in DynamoDB; `key` is the partition key. Nothing reads `touched`: it is there to be changed. */
export const attributes = {
  key: 'key',
  value: 'value',
  codec: 'codec',
  writeId: 'writeId',
  expiresAt: 'expiresAt',
  writtenBy: 'writtenBy',
  tombstone: 'tombstone',
  leaseId: 'leaseId',
  leaseUntil: 'leaseUntil',
  loaded: 'loaded',
  since: 'since',
  touched: 'touched',
} as const;

/** An item as Tidemark reads it; whatever else a foreign writer put beside is ignored. */
export interface ItemImage {
  /** `<bucket>:<key>`. */
  readonly key: string;
  /** `null`: the item holds no value (a tombstone, a lease): an absence. */
  readonly value: Payload | null;
  readonly codec: string | null;
  /** `null` when a foreign writer made the item; a foreign writer may also leave a malformed one. */
  readonly writeId: string | null;
  /** Seconds since the epoch; `null` = never. */
  readonly expiresAt: number | null;
  /** Region of the writing pod. */
  readonly writtenBy: string | null;
  /** A deleted item that stays, so that a late write cannot resurrect it. */
  readonly tombstone: boolean;
  readonly leaseId: string | null;
  /** Ms since the epoch. */
  readonly leaseUntil: number | null;
  /** The value was installed by a load, not by a put. */
  readonly loaded: boolean;
}

/** Largest serialised image, bytes: DynamoDB silently drops change records of items much larger (both images, expanded). */
export const imageBytesMax = 256 * 1_024;

/** Longest partition key of DynamoDB, bytes of UTF-8. */
export const itemKeyBytesMax = 2_048;

const bucketPattern = /^[a-z0-9-]{1,64}$/;

export function isBucket(text: string): boolean {
  return bucketPattern.test(text);
}

/** Why `key` cannot be stored in `bucket`, or `undefined` when it can. */
export function keyProblem(bucket: string, key: unknown): string | undefined {
  if (typeof key !== 'string') return `expected a string, got ${key === null ? 'null' : typeof key}`;
  if (key.length === 0) return 'expected a non-empty string, got an empty one';
  if (!key.isWellFormed()) return 'expected well-formed Unicode, got a lone surrogate';
  const bytes = key.length * 3 + bucket.length + 1 <= itemKeyBytesMax ? 0 : utf8Bytes(key) + bucket.length + 1;
  return bytes > itemKeyBytesMax
    ? `expected at most ${itemKeyBytesMax} bytes with its bucket, got ${bytes}`
    : undefined;
}

/** The partition key of `key` in `bucket`. Injective: a bucket holds no colon. */
export function itemKeyOf(bucket: string, key: string): string {
  return `${bucket}:${key}`;
}

/** The parts of a partition key, or `undefined` when a foreign writer named the item otherwise. */
export function parseItemKey(itemKey: string): { readonly bucket: string; readonly key: string } | undefined {
  const colon = itemKey.indexOf(':');
  if (colon <= 0) return undefined;
  const bucket = itemKey.slice(0, colon);
  return isBucket(bucket) && colon + 1 < itemKey.length ? { bucket, key: itemKey.slice(colon + 1) } : undefined;
}

/** DynamoDB takes one byte for two digits and one more; Tidemark's numbers have at most 15 digits. */
const numberBytesMax = 9;

/** Bytes of the image as DynamoDB counts them, names included, for the attributes that Tidemark writes; never less. */
export function imageBytes(image: ItemImage): number {
  let bytes = 3 + utf8Bytes(image.key);
  if (image.value !== null) bytes += 5 + payloadBytes(image.value);
  for (const [name, text] of [
    ['codec', image.codec],
    ['writeId', image.writeId],
    ['writtenBy', image.writtenBy],
    ['leaseId', image.leaseId],
  ] as const)
    if (text !== null) bytes += name.length + utf8Bytes(text);
  if (image.expiresAt !== null) bytes += 9 + numberBytesMax;
  if (image.leaseUntil !== null) bytes += 10 + numberBytesMax;
  if (image.tombstone) bytes += 10;
  if (image.loaded) bytes += 7;
  return bytes;
}

export function payloadBytes(payload: Payload): number {
  return typeof payload === 'string' ? utf8Bytes(payload) : payload.byteLength;
}

const encoder = new TextEncoder();
function utf8Bytes(text: string): number {
  return encoder.encode(text).byteLength;
}
