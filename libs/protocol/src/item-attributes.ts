import { attributes, type ItemImage, type Payload } from './item.js';

/** How binary attributes arrive: as bytes (the SDK), or as base64 applied once or twice (change records). */
export type BinaryEncoding = 'bytes' | 'base64' | 'base64-twice';

export type ImageResult =
  | { readonly ok: true; readonly image: ItemImage }
  | { readonly ok: false; readonly reason: string; readonly key: string | null };

/** DynamoDB's own JSON, as the SDK types it and as change records carry it: `{ "S": "…" }`, `{ "N": "1" }`, … */
export type Attributes = Readonly<Record<string, unknown>>;

/** Reads an item; never throws. An attribute of an unexpected type makes the image malformed, and the reason names it. */
export function readImage(raw: unknown, binary: BinaryEncoding): ImageResult {
  const key = stringOf(raw, attributes.key);
  if (key === undefined) return { ok: false, reason: 'attribute key: expected a string', key: null };
  const item = raw as Attributes;
  const value = readValue(item, binary);
  if (value === undefined) return { ok: false, reason: `attribute value: expected a string or ${binary}`, key };
  const reason = attributeProblem(item);
  if (reason !== undefined) return { ok: false, reason, key };
  return {
    ok: true,
    image: {
      key,
      value,
      codec: stringOf(item, attributes.codec) ?? null,
      writeId: stringOf(item, attributes.writeId) ?? null,
      expiresAt: numberOf(item, attributes.expiresAt) ?? null,
      writtenBy: stringOf(item, attributes.writtenBy) ?? null,
      tombstone: typed(item, attributes.tombstone, 'BOOL') === true,
      leaseId: stringOf(item, attributes.leaseId) ?? null,
      leaseUntil: numberOf(item, attributes.leaseUntil) ?? null,
      loaded: typed(item, attributes.loaded, 'BOOL') === true,
    },
  };
}

/**
 * What is left of an item without its malformed attributes, and what is wrong with each of those. Its key stays; a write that met the item
 * can so be told of as what it is, though a read of the item fails.
 */
export function wellFormedPart(
  item: Attributes,
  binary: BinaryEncoding,
): { readonly item: Attributes; readonly problems: readonly string[] } {
  const { key, ...others } = item;
  const problems: string[] = [];
  const kept = Object.entries(others).filter(([name, value]) => {
    const result = readImage({ key, [name]: value }, binary);
    if (!result.ok) problems.push(result.reason);
    return result.ok;
  });
  return { item: { key, ...Object.fromEntries(kept) }, problems };
}

function attributeProblem(item: Attributes): string | undefined {
  for (const name of ['codec', 'writeId', 'writtenBy', 'leaseId'] as const)
    if (Object.hasOwn(item, name) && stringOf(item, name) === undefined) return `attribute ${name}: expected a string`;
  for (const name of ['expiresAt', 'leaseUntil'] as const)
    if (Object.hasOwn(item, name) && numberOf(item, name) === undefined)
      return `attribute ${name}: expected a whole number`;
  for (const name of ['tombstone', 'loaded'] as const)
    if (Object.hasOwn(item, name) && typeof typed(item, name, 'BOOL') !== 'boolean')
      return `attribute ${name}: expected a boolean`;
  return undefined;
}

/** The attributes of an image in DynamoDB's JSON, with binary as bytes: what PutItem takes. Absent fields are left out. */
export function writeImage(
  image: ItemImage,
): Record<string, { S: string } | { N: string } | { B: Uint8Array } | { BOOL: boolean }> {
  const item: ReturnType<typeof writeImage> = { [attributes.key]: { S: image.key } };
  if (image.value !== null)
    item[attributes.value] = typeof image.value === 'string' ? { S: image.value } : { B: image.value };
  for (const name of ['codec', 'writeId', 'writtenBy', 'leaseId'] as const)
    if (image[name] !== null) item[name] = { S: image[name] };
  for (const name of ['expiresAt', 'leaseUntil'] as const)
    if (image[name] !== null) item[name] = { N: String(image[name]) };
  for (const name of ['tombstone', 'loaded'] as const) if (image[name]) item[name] = { BOOL: true };
  return item;
}

/** `null`: no value; `undefined`: of a type that is none of ours, or not encoded as `binary` says. */
function readValue(item: Attributes, binary: BinaryEncoding): Payload | null | undefined {
  if (!Object.hasOwn(item, attributes.value)) return null;
  const text = stringOf(item, attributes.value);
  if (text !== undefined) return text;
  const bytes = typed(item, attributes.value, 'B');
  if (bytes instanceof Uint8Array) return bytes;
  if (typeof bytes !== 'string' || binary === 'bytes') return undefined;
  const once = base64Bytes(bytes);
  return binary === 'base64' || once === undefined ? once : base64Bytes(once.toString('latin1'));
}

/**
 * `undefined` unless the whole text is padded base64. Node skips what it does not know, so the length tells: a stream that encodes
 * once, read as if it did twice, must not reach a cache as other bytes.
 */
function base64Bytes(text: string): Buffer | undefined {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = Buffer.from(text, 'base64');
  return text.length % 4 === 0 && bytes.length === (text.length / 4) * 3 - padding ? bytes : undefined;
}

function typed(item: unknown, name: string, type: string): unknown {
  if (typeof item !== 'object' || item === null || !Object.hasOwn(item, name)) return undefined;
  const attribute = (item as Attributes)[name];
  if (typeof attribute !== 'object' || attribute === null || !Object.hasOwn(attribute, type)) return undefined;
  return (attribute as Record<string, unknown>)[type];
}

function stringOf(item: unknown, name: string): string | undefined {
  const text = typed(item, name, 'S');
  return typeof text === 'string' ? text : undefined;
}

/** Whole numbers only, of at most 15 digits, so that nothing is rounded on the way. */
function numberOf(item: unknown, name: string): number | undefined {
  const text = typed(item, name, 'N');
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
