import { type Attributes, type ItemImage, writeImage } from '@tidemark/protocol';
import { type Clock, systemClock } from '@tidemark/runtime';
import {
  type HeldLease,
  type KeyPage,
  type KeyScan,
  type LeaseClaim,
  type LeaseOutcome,
  type ReadManyResult,
  type Store,
  type StoreCall,
  type WriteCondition,
  type WriteOutcome,
} from './backend.js';
import { checkImageSize, imageOfPart, MemoryTable, storeError } from './memory-table.js';
import { runStoreCall, type StoreOperation } from './store-call.js';

/** A change of one item, told synchronously and in order; malformed attributes of a foreign writer are left out. */
export interface MemoryChange {
  readonly table: string;
  readonly old: ItemImage | undefined;
  readonly new: ItemImage | undefined;
}

export interface MemoryStoreOptions {
  /** Times time-outs. Default: the system's clock. */
  readonly clock?: Clock;
  /** Tables there are; calls that name another fail with `TABLE_MISSING`. Default: every table, from when it is first named. */
  readonly tables?: readonly string[];
  /** What a call waits for before it takes effect. Default: nothing, and it takes effect in the turn in which it is made. */
  readonly before?: (operation: StoreOperation) => Promise<void> | undefined;
}

/** One replica in memory, with DynamoDB's conditions. */
export class MemoryStore implements Store {
  readonly #tables = new Map<string, MemoryTable>();
  readonly #onChange: (change: MemoryChange) => void;
  readonly #onTable: (table: string) => void;
  readonly #clock: Clock;
  readonly #names: ReadonlySet<string> | undefined;
  readonly #before: NonNullable<MemoryStoreOptions['before']>;

  constructor(
    onChange: (change: MemoryChange) => void = () => undefined,
    onTable: (table: string) => void = () => undefined,
    { clock = systemClock, tables, before = () => undefined }: MemoryStoreOptions = {},
  ) {
    this.#onChange = onChange;
    this.#onTable = onTable;
    this.#clock = clock;
    this.#names = tables && new Set(tables);
    this.#before = before;
  }

  /** The item as it is stored; `undefined`: there is none. */
  item(table: string, itemKey: string): Attributes | undefined {
    return this.#tables.get(table)?.item(itemKey);
  }

  check(table: string, call: StoreCall): Promise<void> {
    return this.#run('check', table, call, () => undefined);
  }

  read(table: string, itemKey: string, call: StoreCall): Promise<ItemImage | undefined> {
    return this.#run('read', table, call, (items) => items.read(itemKey));
  }

  readMany(table: string, itemKeys: readonly string[], call: StoreCall): Promise<ReadManyResult> {
    return this.#run('readMany', table, call, (items) => items.readMany(itemKeys));
  }

  scanKeys(table: string, scan: KeyScan, call: StoreCall): Promise<KeyPage> {
    return this.#run('scanKeys', table, call, (items) => items.scanKeys(scan));
  }

  async put(table: string, image: ItemImage, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    checkImageSize(table, image);
    return this.#run('put', table, call, (items) => items.put(image, condition));
  }

  delete(table: string, itemKey: string, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    return this.#run('delete', table, call, (items) => items.delete(itemKey, condition));
  }

  acquireLease(table: string, itemKey: string, lease: LeaseClaim, call: StoreCall): Promise<LeaseOutcome> {
    return this.#run('acquireLease', table, call, (items) => items.acquireLease(itemKey, lease));
  }

  releaseLease(table: string, itemKey: string, lease: HeldLease, call: StoreCall): Promise<void> {
    return this.#run('releaseLease', table, call, (items) => items.releaseLease(itemKey, lease));
  }

  touch(table: string, itemKey: string, mark: string, call: StoreCall): Promise<boolean> {
    return this.#run('touch', table, call, (items) => items.touch(itemKey, mark));
  }

  /** Writes without a condition, as a foreign writer would; `undefined` removes the item. */
  write(table: string, itemKey: string, image: ItemImage | undefined): void {
    if (image === undefined) this.#table(table).removeItem(itemKey);
    else this.writeItem(table, writeImage(image));
  }

  /** The same of any item: DynamoDB's JSON, binary as bytes. Throws `INVALID_KEY`. */
  writeItem(table: string, item: Attributes): void {
    this.#table(table).writeItem(item);
  }

  /** Nothing can be late where nothing is waited for, and no timer is set then. */
  async #run<T>(
    operation: StoreOperation,
    table: string,
    call: StoreCall,
    effect: (items: MemoryTable) => T,
  ): Promise<T> {
    const wait = this.#before(operation);
    if (wait === undefined && call.timeoutMs > 0 && call.signal?.aborted !== true) return effect(this.#table(table));
    return runStoreCall({ operation, table, clock: this.#clock }, call, async () => {
      await wait;
      return effect(this.#table(table));
    });
  }

  #table(name: string): MemoryTable {
    if (this.#names?.has(name) === false) throw storeError('TABLE_MISSING', name, 'there is no such table');
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const made = new MemoryTable(name, (old, item) =>
      this.#onChange({ table: name, old: old && imageOfPart(old), new: item && imageOfPart(item) }),
    );
    this.#tables.set(name, made);
    this.#onTable(name);
    return made;
  }
}
