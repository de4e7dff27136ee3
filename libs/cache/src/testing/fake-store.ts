import { type Attributes, type ItemImage } from '@tidemark/protocol';
import { type Clock, systemClock, TidemarkError, wait } from '@tidemark/runtime';
import {
  type Consistency,
  type HeldLease,
  type KeyPage,
  type KeyScan,
  type LeaseClaim,
  type LeaseOutcome,
  type ReadCall,
  type ReadManyResult,
  type Store,
  type StoreCall,
  type WriteCondition,
  type WriteOutcome,
} from '../backend.js';
import { checkImageSize, MemoryTable, storeError } from '../memory-table.js';
import { ambiguousWrite, isWrite, runStoreCall, type StoreOperation } from '../store-call.js';

export { type StoreOperation } from '../store-call.js';

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
  /** Of a read, where the call says it. */
  readonly consistency?: Consistency | undefined;
}

export interface FakeStoreOptions {
  /** Times time-outs and delays. Default: the system's clock. */
  readonly clock?: Clock;
  /** Tables there are; calls that name another fail with `TABLE_MISSING`. Default: every table. */
  readonly tables?: readonly string[];
}

/** A replica in memory that keeps the contract of `Store`, and breaks off as told. An effect is atomic: it happens in one turn. */
export class FakeStore implements Store {
  /** Every call that was begun, in order. */
  readonly calls: StoreCallRecord[] = [];
  readonly #clock: Clock;
  readonly #names: ReadonlySet<string> | undefined;
  readonly #tables = new Map<string, MemoryTable>();
  readonly #faults = new Map<StoreOperation, StoreFault[]>();
  #stalled: Promise<void> | undefined;
  /** What eventually consistent reads see; `undefined`: what is there. */
  #past: ReadonlyMap<string, MemoryTable> | undefined;

  constructor({ clock = systemClock, tables }: FakeStoreOptions = {}) {
    this.#clock = clock;
    this.#names = tables && new Set(tables);
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

  /** Eventually consistent reads see the tables as they are now, whatever is written, until the returned function is called. */
  lag(): () => void {
    const past = new Map([...this.#tables].map(([name, table]) => [name, table.copy()]));
    this.#past = past;
    return () => {
      if (this.#past === past) this.#past = undefined;
    };
  }

  /** Puts an item as a foreign writer would: DynamoDB's JSON, binary as bytes, no condition. */
  writeItem(table: string, item: Attributes): void {
    this.#table(table).writeItem(item);
  }

  removeItem(table: string, itemKey: string): void {
    this.#table(table).removeItem(itemKey);
  }

  /** The item as it is stored. */
  item(table: string, itemKey: string): Attributes | undefined {
    return this.#table(table).item(itemKey);
  }

  check(table: string, call: StoreCall): Promise<void> {
    return this.#run({ operation: 'check', table, itemKeys: [] }, call, () => undefined);
  }

  read(table: string, itemKey: string, call: ReadCall): Promise<ItemImage | undefined> {
    const { consistency } = call;
    return this.#run({ operation: 'read', table, itemKeys: [itemKey], consistency }, call, (items) =>
      this.#asRead(items, table, call).read(itemKey),
    );
  }

  readMany(table: string, itemKeys: readonly string[], call: ReadCall): Promise<ReadManyResult> {
    const keys = [...new Set(itemKeys)];
    const { consistency } = call;
    return this.#run({ operation: 'readMany', table, itemKeys: keys, consistency }, call, (items, fault) => {
      const unread = fault?.type === 'unread' ? fault : undefined;
      const error = unread?.error ?? throttled(table, false);
      return this.#asRead(items, table, call).readMany(keys, new Map(unread?.itemKeys.map((key) => [key, error])));
    });
  }

  scanKeys(table: string, scan: KeyScan, call: StoreCall): Promise<KeyPage> {
    return this.#run({ operation: 'scanKeys', table, itemKeys: [] }, call, (items) => items.scanKeys(scan));
  }

  async put(table: string, image: ItemImage, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    checkImageSize(table, image);
    return this.#run({ operation: 'put', table, itemKeys: [image.key] }, call, (items) => items.put(image, condition));
  }

  delete(table: string, itemKey: string, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    return this.#run({ operation: 'delete', table, itemKeys: [itemKey] }, call, (items) =>
      items.delete(itemKey, condition),
    );
  }

  acquireLease(table: string, itemKey: string, lease: LeaseClaim, call: StoreCall): Promise<LeaseOutcome> {
    return this.#run({ operation: 'acquireLease', table, itemKeys: [itemKey] }, call, (items) =>
      items.acquireLease(itemKey, lease),
    );
  }

  releaseLease(table: string, itemKey: string, lease: HeldLease, call: StoreCall): Promise<void> {
    return this.#run({ operation: 'releaseLease', table, itemKeys: [itemKey] }, call, (items) =>
      items.releaseLease(itemKey, lease),
    );
  }

  touch(table: string, itemKey: string, mark: string, call: StoreCall): Promise<boolean> {
    return this.#run({ operation: 'touch', table, itemKeys: [itemKey] }, call, (items) => items.touch(itemKey, mark));
  }

  #run<T>(record: StoreCallRecord, call: StoreCall, effect: Effect<T>): Promise<T> {
    return runStoreCall({ ...record, clock: this.#clock }, call, () => {
      this.calls.push(record);
      return this.#serve(record, effect);
    });
  }

  async #serve<T>(record: StoreCallRecord, effect: Effect<T>): Promise<T> {
    const { operation, table } = record;
    const fault = this.#faults.get(operation)?.shift();
    await this.#stalled;
    if (fault?.type === 'error') throw fault.error;
    if (fault?.type === 'throttle') throw throttled(table, fault.hotKey === true);
    if (fault?.type === 'lateRequest') await wait(this.#clock, fault.delayMs);
    const answer = effect(this.#table(table), fault);
    if (fault?.type === 'lateAnswer') await wait(this.#clock, fault.delayMs);
    if (fault?.type === 'lostAnswer') throw lost(record);
    return answer;
  }

  #asRead(items: MemoryTable, table: string, { consistency }: ReadCall): MemoryTable {
    if (consistency !== 'eventual' || this.#past === undefined) return items;
    return this.#past.get(table) ?? new MemoryTable(table);
  }

  #table(name: string): MemoryTable {
    if (this.#names?.has(name) === false) throw storeError('TABLE_MISSING', name, 'there is no such table');
    const table = this.#tables.get(name) ?? new MemoryTable(name);
    this.#tables.set(name, table);
    return table;
  }
}

type Effect<T> = (items: MemoryTable, fault: StoreFault | undefined) => T;

function lost(record: StoreCallRecord): TidemarkError {
  return isWrite(record.operation)
    ? ambiguousWrite(record, new Error('the answer was lost'))
    : new TidemarkError('STORE_UNAVAILABLE', `${record.operation} of table ${record.table} lost its answer`, {
        retriable: true,
      });
}

function throttled(table: string, hotKey: boolean): TidemarkError {
  const context = { table, hotKey };
  return new TidemarkError('THROTTLED', `table ${table} was throttled`, { retriable: true, context });
}
