import {
  type Attributes,
  attributes,
  imageBytes,
  imageBytesMax,
  type ItemImage,
  partitionOf,
  readImage,
  wellFormedPart,
  writeImage,
} from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import {
  type HeldLease,
  type KeyPage,
  type KeyScan,
  type LeaseClaim,
  type LeaseOutcome,
  type ReadManyResult,
  type WriteCondition,
  type WriteOutcome,
} from './backend.js';
import { type ClaimCondition, conditionHolds, refusalProblem } from './condition-holds.js';

/** A change of one item; `undefined`: there is none. An item that is written again as it was counts, too. */
export type OnItemChange = (old: Attributes | undefined, item: Attributes | undefined) => void;

/**
 * The items of one table, in memory. They are held as DynamoDB holds them, so that a foreign writer can leave anything there, and conditions
 * are evaluated on that. Every operation takes effect within its call.
 */
export class MemoryTable {
  readonly #name: string;
  readonly #onChange: OnItemChange;
  readonly #items = new Map<string, Attributes>();

  constructor(name: string, onChange: OnItemChange = () => undefined) {
    this.#name = name;
    this.#onChange = onChange;
  }

  /** Another table with the same items. */
  copy(): MemoryTable {
    const copy = new MemoryTable(this.#name);
    for (const [itemKey, item] of this.#items) copy.#items.set(itemKey, item);
    return copy;
  }

  /** The item as it is stored. */
  item(itemKey: string): Attributes | undefined {
    return this.#items.get(itemKey);
  }

  /** Puts an item as a foreign writer would: DynamoDB's JSON, binary as bytes, no condition. Throws `INVALID_KEY`. */
  writeItem(item: Attributes): void {
    const result = readImage({ key: item[attributes.key] }, 'bytes');
    if (!result.ok) throw new TidemarkError('INVALID_KEY', result.reason, { retriable: false });
    this.#store(result.image.key, item);
  }

  removeItem(itemKey: string): void {
    this.#store(itemKey, undefined);
  }

  read(itemKey: string): ItemImage | undefined {
    const item = this.#items.get(itemKey);
    if (item === undefined) return undefined;
    const result = readImage(item, 'bytes');
    if (!result.ok) throw storeError('MALFORMED_ITEM', this.#name, result.reason);
    return withOwnBytes(result.image);
  }

  /** `failures`: keys that are to be left unread, with why. */
  readMany(itemKeys: readonly string[], failures: ReadonlyMap<string, Error> = new Map()): ReadManyResult {
    const keys = new Set(itemKeys);
    const items = new Map<string, ItemImage>();
    const unread = new Map<string, Error>();
    for (const key of keys) {
      try {
        const failure = failures.get(key);
        if (failure !== undefined) throw failure;
        const image = this.read(key);
        if (image !== undefined) items.set(key, image);
      } catch (error) {
        unread.set(key, error as Error);
      }
    }
    const [failure] = unread.values();
    if (failure !== undefined && unread.size === keys.size) throw failure;
    return { items, unread };
  }

  /** In the order of the keys, so that what comes and goes meanwhile moves no other key. */
  scanKeys({ segment, segments, prefix, examineMax, cursor = '' }: KeyScan): KeyPage {
    const ahead = [...this.#items.keys()]
      .filter((key) => key > cursor && partitionOf(key, segments) === segment)
      .sort();
    const examined = ahead.slice(0, examineMax);
    return {
      itemKeys: examined.filter((key) => key.startsWith(prefix)),
      cursor: ahead.length > examined.length ? examined.at(-1) : undefined,
    };
  }

  put(image: ItemImage, condition: WriteCondition): WriteOutcome {
    const { old, holds } = this.#check(image.key, condition);
    if (holds) this.#store(image.key, writeImage(withOwnBytes(image)));
    return { type: holds ? 'committed' : 'refused', old: tellable(old) };
  }

  delete(itemKey: string, condition: WriteCondition): WriteOutcome {
    const { old, holds } = this.#check(itemKey, condition);
    if (holds) this.#store(itemKey, undefined);
    return { type: holds ? 'committed' : 'refused', old: tellable(old) };
  }

  acquireLease(itemKey: string, { leaseId, nowMs, leaseUntil, expiresAt }: LeaseClaim): LeaseOutcome {
    const { old, holds } = this.#check(itemKey, { type: 'claimable', nowMs });
    if (!holds) return { type: 'refused', old: tellable(old) };
    const item = {
      ...without(old ?? { key: { S: itemKey } }, ['value', 'codec', 'loaded']),
      [attributes.leaseId]: { S: leaseId },
      [attributes.leaseUntil]: { N: String(leaseUntil) },
      [attributes.expiresAt]: { N: String(expiresAt) },
    };
    this.#store(itemKey, item);
    return { type: 'acquired', image: imageOfPart(item) };
  }

  releaseLease(itemKey: string, { leaseId, writeId }: HeldLease): void {
    const old = this.#items.get(itemKey);
    if (old === undefined || !conditionHolds({ type: 'leased', leaseId }, old)) return;
    this.#store(itemKey, writeId === null ? undefined : without(old, ['leaseId', 'leaseUntil']));
  }

  touch(itemKey: string, mark: string): boolean {
    const old = this.#items.get(itemKey);
    if (old === undefined) return false;
    this.#store(itemKey, { ...old, [attributes.touched]: { S: mark } });
    return true;
  }

  #check(itemKey: string, condition: WriteCondition | ClaimCondition): { old: Attributes | undefined; holds: boolean } {
    const old = this.#items.get(itemKey);
    const holds = conditionHolds(condition, old);
    const problem = holds || old === undefined ? undefined : refusalProblem(condition, old);
    if (problem !== undefined) throw storeError('MALFORMED_ITEM', this.#name, problem);
    return { old, holds };
  }

  #store(itemKey: string, item: Attributes | undefined): void {
    const old = this.#items.get(itemKey);
    if (item === undefined) this.#items.delete(itemKey);
    else this.#items.set(itemKey, item);
    if (old !== undefined || item !== undefined) this.#onChange(old, item);
  }
}

/** Throws `VALUE_TOO_LARGE` for an image that no table takes. */
export function checkImageSize(table: string, image: ItemImage): void {
  const bytes = imageBytes(image);
  if (bytes > imageBytesMax)
    throw storeError('VALUE_TOO_LARGE', table, `expected an item of at most ${imageBytesMax} bytes, got ${bytes}`);
}

/** The image of what is well formed in an item that has a key. */
export function imageOfPart(item: Attributes): ItemImage {
  const result = readImage(wellFormedPart(item, 'bytes').item, 'bytes');
  if (!result.ok) throw new TidemarkError('MALFORMED_ITEM', result.reason, { retriable: false });
  return withOwnBytes(result.image);
}

export function storeError(
  code: 'MALFORMED_ITEM' | 'TABLE_MISSING' | 'VALUE_TOO_LARGE',
  table: string,
  reason: string,
): TidemarkError {
  return new TidemarkError(code, `table ${table}: ${reason}`, { retriable: false, context: { table, reason } });
}

function tellable(old: Attributes | undefined): ItemImage | undefined {
  return old && imageOfPart(old);
}

function without(item: Attributes, names: readonly (keyof typeof attributes)[]): Attributes {
  const left: readonly string[] = names.map((name) => attributes[name]);
  return Object.fromEntries(Object.entries(item).filter(([name]) => !left.includes(name)));
}

/** Bytes that nobody else can change. */
function withOwnBytes(image: ItemImage): ItemImage {
  return typeof image.value === 'string' || image.value === null ? image : { ...image, value: image.value.slice() };
}
