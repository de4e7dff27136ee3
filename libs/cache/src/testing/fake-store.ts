import {
  type Attributes,
  attributes,
  imageBytes,
  imageBytesMax,
  type ItemImage,
  readImage,
  writeImage,
} from '@tidemark/protocol';
import { type Clock, isTidemarkError, systemClock, TidemarkError, wait, withDeadline } from '@tidemark/runtime';
import { type ReadManyResult, type Store, type StoreCall, type WriteCondition, type WriteOutcome } from '../backend.js';

export type StoreOperation = 'check' | 'read' | 'readMany' | 'put' | 'delete';

/** What one call meets. */
export type StoreFault =
  /** It fails with this, and nothing is done. */
  | { readonly type: 'error'; readonly error: Error }
  | { readonly type: 'throttle'; readonly hotKey?: boolean }
  /** It takes effect only after the delay, even if its caller has long given up. */
  | { readonly type: 'lateRequest'; readonly delayMs: number }
  /** It takes effect at once and is answered after the delay. */
  | { readonly type: 'lateAnswer'; readonly delayMs: number }
  /** It takes effect and is not answered: `AMBIGUOUS_WRITE` of a write, `STORE_UNAVAILABLE` of a read. */
  | { readonly type: 'lostAnswer' }
  /** `readMany` leaves these keys unread, with `THROTTLED` unless `error` says otherwise. */
  | { readonly type: 'unread'; readonly itemKeys: readonly string[]; readonly error?: Error };

export interface StoreCallRecord {
  readonly operation: StoreOperation;
  readonly table: string;
  readonly itemKeys: readonly string[];
}

export interface FakeStoreOptions {
  /** Times time-outs and delays. Default: the system's clock. */
  readonly clock?: Clock;
  /** Tables there are; calls that name another fail with `TABLE_MISSING`. Default: every table. */
  readonly tables?: readonly string[];
}

/**
 * A replica in memory that keeps the contract of `Store`, and breaks off as told. Items are held as DynamoDB holds them, so that a foreign
 * writer can leave anything there; conditions are evaluated on that. An effect is atomic: it happens in one turn.
 */
export class FakeStore implements Store {
  /** Every call that was begun, in order. */
  readonly calls: StoreCallRecord[] = [];
  readonly #clock: Clock;
  readonly #tables: ReadonlySet<string> | undefined;
  readonly #items = new Map<string, Map<string, Attributes>>();
  readonly #faults = new Map<StoreOperation, StoreFault[]>();
  #stalled: Promise<void> | undefined;

  constructor({ clock = systemClock, tables }: FakeStoreOptions = {}) {
    this.#clock = clock;
    this.#tables = tables && new Set(tables);
  }

  /** The next `times` calls of `operation` that no earlier fault waits for meet `fault`. */
  fault(operation: StoreOperation, fault: StoreFault, times = 1): void {
    const queue = this.#faults.get(operation) ?? [];
    this.#faults.set(operation, [...queue, ...Array.from({ length: times }, () => fault)]);
  }

  /** Calls begun from now on take effect and are answered only after the returned function was called. */
  stall(): () => void {
    let release: () => void = () => undefined;
    const stalled = new Promise<void>((resolve) => {
      release = () => {
        if (this.#stalled === stalled) this.#stalled = undefined;
        resolve();
      };
    });
    this.#stalled = stalled;
    return release;
  }

  /** Puts an item as a foreign writer would: DynamoDB's JSON, binary as bytes, no condition. */
  writeItem(table: string, item: Attributes): void {
    const result = readImage({ key: item[attributes.key] }, 'bytes');
    if (!result.ok) throw new TidemarkError('INVALID_KEY', result.reason, { retriable: false });
    this.#table(table).set(result.image.key, item);
  }

  removeItem(table: string, itemKey: string): void {
    this.#table(table).delete(itemKey);
  }

  /** The item as it is stored. */
  item(table: string, itemKey: string): Attributes | undefined {
    return this.#table(table).get(itemKey);
  }

  check(table: string, call: StoreCall): Promise<void> {
    return this.#run({ operation: 'check', table, itemKeys: [] }, call, () => undefined);
  }

  read(table: string, itemKey: string, call: StoreCall): Promise<ItemImage | undefined> {
    return this.#run({ operation: 'read', table, itemKeys: [itemKey] }, call, (items) =>
      imageOf(table, items.get(itemKey)),
    );
  }

  readMany(table: string, itemKeys: readonly string[], call: StoreCall): Promise<ReadManyResult> {
    const keys = [...new Set(itemKeys)];
    return this.#run({ operation: 'readMany', table, itemKeys: keys }, call, (items, fault) => {
      const found = new Map<string, ItemImage>();
      const unread = new Map<string, Error>();
      for (const key of keys) {
        try {
          if (fault?.type === 'unread' && fault.itemKeys.includes(key)) throw fault.error ?? throttled(table, false);
          const image = imageOf(table, items.get(key));
          if (image !== undefined) found.set(key, image);
        } catch (error) {
          unread.set(key, error as Error);
        }
      }
      const [failure] = unread.values();
      if (failure !== undefined && unread.size === keys.length) throw failure;
      return { items: found, unread };
    });
  }

  async put(table: string, image: ItemImage, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    const bytes = imageBytes(image);
    if (bytes > imageBytesMax)
      throw storeError('VALUE_TOO_LARGE', table, `expected an item of at most ${imageBytesMax} bytes, got ${bytes}`);
    const item = writeImage(withOwnBytes(image));
    return this.#write('put', table, image.key, condition, call, (items) => items.set(image.key, item));
  }

  delete(table: string, itemKey: string, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    return this.#write('delete', table, itemKey, condition, call, (items) => items.delete(itemKey));
  }

  #write(
    operation: 'put' | 'delete',
    table: string,
    itemKey: string,
    condition: WriteCondition,
    call: StoreCall,
    apply: (items: Map<string, Attributes>) => void,
  ): Promise<WriteOutcome> {
    return this.#run({ operation, table, itemKeys: [itemKey] }, call, (items) => {
      const old = items.get(itemKey);
      const committed = holds(condition, old);
      if (!committed && old !== undefined && attributes.writeId in old && writeIdOf(old) === undefined)
        throw malformed(table, 'attribute writeId: expected a string');
      if (committed) apply(items);
      return { type: committed ? 'committed' : 'refused', old: old && imageOf(table, wellFormedPart(old)) };
    });
  }

  async #run<T>(record: StoreCallRecord, call: StoreCall, effect: Effect<T>): Promise<T> {
    const { operation, table } = record;
    const { timeoutMs, signal } = call;
    const what = `${operation} of table ${table}`;
    if (timeoutMs <= 0) throw new TidemarkError('TIMEOUT', `${what} had no time left`, { retriable: true });
    let begun = false;
    let own: unknown;
    try {
      return await withDeadline({ clock: this.#clock, timeoutMs, what, signal }, async () => {
        begun = true;
        this.calls.push(record);
        return await this.#serve(record, effect).catch((error: unknown) => {
          own = error;
          throw error;
        });
      });
    } catch (error) {
      const gaveUp = error !== own && isTidemarkError(error);
      throw gaveUp && begun && isWrite(operation) ? ambiguous(what, error) : error;
    }
  }

  async #serve<T>({ operation, table }: StoreCallRecord, effect: Effect<T>): Promise<T> {
    const fault = this.#faults.get(operation)?.shift();
    await this.#stalled;
    if (fault?.type === 'error') throw fault.error;
    if (fault?.type === 'throttle') throw throttled(table, fault.hotKey === true);
    if (fault?.type === 'lateRequest') await wait(this.#clock, fault.delayMs);
    const answer = effect(this.#table(table), fault);
    if (fault?.type === 'lateAnswer') await wait(this.#clock, fault.delayMs);
    if (fault?.type === 'lostAnswer') throw lost(operation, table);
    return answer;
  }

  #table(name: string): Map<string, Attributes> {
    if (this.#tables?.has(name) === false) throw storeError('TABLE_MISSING', name, 'there is no such table');
    const items = this.#items.get(name) ?? new Map<string, Attributes>();
    this.#items.set(name, items);
    return items;
  }
}

type Effect<T> = (items: Map<string, Attributes>, fault: StoreFault | undefined) => T;

/** As DynamoDB decides: an attribute of another type is there, and is neither lower than a string nor equal to one. */
function holds(condition: WriteCondition, item: Attributes | undefined): boolean {
  const writeId = item && writeIdOf(item);
  if (condition.type === 'replaces') return writeId === condition.writeId;
  if (item === undefined || !(attributes.writeId in item)) return true;
  return writeId !== undefined && writeId < condition.than;
}

function writeIdOf(item: Attributes): string | undefined {
  const { key } = item;
  const result = readImage({ key, [attributes.writeId]: item[attributes.writeId] }, 'bytes');
  return result.ok ? (result.image.writeId ?? undefined) : undefined;
}

function imageOf(table: string, item: Attributes | undefined): ItemImage | undefined {
  if (item === undefined) return undefined;
  const result = readImage(item, 'bytes');
  if (!result.ok) throw malformed(table, result.reason);
  return withOwnBytes(result.image);
}

/** What is left of an item without its malformed attributes. */
function wellFormedPart({ key, ...others }: Attributes): Attributes {
  const wellFormed = Object.entries(others).filter(([name, value]) => readImage({ key, [name]: value }, 'bytes').ok);
  return { key, ...Object.fromEntries(wellFormed) };
}

/** Bytes that nobody else can change. */
function withOwnBytes(image: ItemImage): ItemImage {
  return typeof image.value === 'string' || image.value === null ? image : { ...image, value: image.value.slice() };
}

function isWrite(operation: StoreOperation): boolean {
  return operation === 'put' || operation === 'delete';
}

function ambiguous(what: string, cause: unknown): TidemarkError {
  const message = `${what} may or may not have been committed`;
  return new TidemarkError('AMBIGUOUS_WRITE', message, { retriable: false, cause });
}

function lost(operation: StoreOperation, table: string): TidemarkError {
  const what = `${operation} of table ${table}`;
  return isWrite(operation)
    ? ambiguous(what, new Error('the answer was lost'))
    : new TidemarkError('STORE_UNAVAILABLE', `${what} lost its answer`, { retriable: true });
}

function throttled(table: string, hotKey: boolean): TidemarkError {
  const context = { table, hotKey };
  return new TidemarkError('THROTTLED', `table ${table} was throttled`, { retriable: true, context });
}

function malformed(table: string, reason: string): TidemarkError {
  return storeError('MALFORMED_ITEM', table, reason);
}

function storeError(
  code: 'MALFORMED_ITEM' | 'TABLE_MISSING' | 'VALUE_TOO_LARGE',
  table: string,
  reason: string,
): TidemarkError {
  return new TidemarkError(code, `table ${table}: ${reason}`, { retriable: false, context: { table, reason } });
}
