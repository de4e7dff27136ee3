/// <reference types="./emulators.d.ts" />
/*
 * Change capture needs the exact image before and after every write, in the order of the writes. Asking dynalite over HTTP cannot give
 * that: another writer fits between any two requests. Inside, every put, update and delete (alone or in a batch) does the same: it
 * takes the key's lock, reads the old item, checks the condition, calls `db.updateIndexes(store, table, oldItem, newItem, done)`, and
 * then stores the item. So that one function sees both images under the lock; an error given to its `done` stops the write.
 *
 * It runs before the item is stored. A change announced there could reach a consumer which then reads the old item, or announce a write
 * that failed. So the change is only remembered there, and announced by the callback of the `put` or `del` which stores the item: the
 * lock is still held, and a reader now sees what is announced.
 *
 * dynalite calls these functions as properties of its module objects, and has no interface for plugging in, so the module objects are
 * patched. A patch is global to the process, therefore:
 * - it is made once (the mark is a registered symbol, since a process can hold this file twice, as ESM and as CommonJS);
 * - it holds no state: what to call travels in the options of the instance, under a symbol. An instance made by anybody else, or by
 *   another stack, has other hooks or none and behaves as before;
 * - only `ReturnValuesOnConditionCheckFailure`, which dynalite ignores, becomes known to every instance: a request that asks for the old
 *   item gets it.
 * The version of dynalite is pinned, and `installHooks` refuses to start on one whose internals differ.
 */
import { TidemarkError } from '@tidemark/runtime';
import db from 'dynalite/db/index.js';
import deleteItem from 'dynalite/validations/deleteItem.js';
import putItem from 'dynalite/validations/putItem.js';
import updateItem from 'dynalite/validations/updateItem.js';
import { type ItemWrite, type StoredTable, type WriteCause, type WriteHooks } from './item-write.js';
import { isRecord, keysOf, type WireItem } from './wire-item.js';

type Done = (error?: unknown) => void;

interface ItemStore {
  put: (key: string, item: WireItem, done: Done) => void;
  del: (key: string, done: Done) => void;
}

/** One dynalite database, as far as it is used here. */
export interface DynaliteStore {
  readonly options: object;
  readonly tableDb: { awsRegion: string; awsAccountId: string };
  readonly db: { open(): Promise<void>; close(done: Done): void };
  getItemDb(table: string): ItemStore;
}

interface DynaliteDb {
  create: (options: object) => DynaliteStore;
  createKey: (item: WireItem, table: StoredTable) => string;
  itemSize: (item: WireItem) => number;
  updateIndexes: (
    store: DynaliteStore,
    table: StoredTable,
    oldItem: WireItem | undefined,
    newItem: WireItem | null,
    done: Done,
  ) => void;
  checkConditional: (input: object, item: WireItem | undefined) => unknown;
}

/** What an instance carries in its options. */
export interface InstanceHooks extends WriteHooks {
  /** Called once, with the instance's store. */
  onStore(store: DynaliteStore): void;
}

const patchedMark = Symbol.for('@tidemark/local-stack/dynalite-patched');
const hooksKey = Symbol.for('@tidemark/local-stack/dynalite-hooks');
const causeKey = Symbol.for('@tidemark/local-stack/dynalite-cause');
const watchedMark = Symbol('watched');

/** `options` for `dynalite()` that make the instance call `hooks`. Installs the patches on first use. */
export function withHooks(options: object, hooks: InstanceHooks): object {
  installHooks();
  return { ...options, [hooksKey]: hooks };
}

/** The same store, for a call of one of dynalite's actions whose writes are to be told apart. */
export function withCause(store: DynaliteStore, cause: WriteCause): DynaliteStore {
  return Object.create(store, { [causeKey]: { value: cause } }) as DynaliteStore;
}

/** The size of an item as DynamoDB counts it, bytes. */
export function itemBytes(item: WireItem): number {
  return dynaliteDb().itemSize(item);
}

function installHooks(): void {
  if (Reflect.get(db, patchedMark) === true) return;
  const target = dynaliteDb();
  patchCreate(target);
  patchUpdateIndexes(target);
  patchConditions(target);
  Reflect.set(db, patchedMark, true);
}

function dynaliteDb(): DynaliteDb {
  for (const name of ['create', 'createKey', 'itemSize', 'updateIndexes', 'checkConditional']) {
    if (typeof db[name] !== 'function') {
      throw new TidemarkError('NOT_SUPPORTED', `this version of dynalite has no db.${name}; install 4.0.0`, {
        retriable: false,
        context: { name },
      });
    }
  }
  return db as unknown as DynaliteDb;
}

function patchCreate(target: DynaliteDb): void {
  const create = target.create;
  target.create = (options) => {
    const store = create(options);
    const hooks = hooksOf(store);
    if (hooks !== undefined) {
      watchStores(store, hooks);
      hooks.onStore(store);
    }
    return store;
  };
}

function hooksOf(store: DynaliteStore): InstanceHooks | undefined {
  return Reflect.get(store.options, hooksKey) as InstanceHooks | undefined;
}

/** Writes that passed `beforeWrite` and are not stored yet, by table and key; at most one for each, since the key is locked. */
const unstored = new WeakMap<object, Map<string, ItemWrite>>();

function patchUpdateIndexes(target: DynaliteDb): void {
  const updateIndexes = target.updateIndexes;
  target.updateIndexes = (store, table, oldItem, newItem, done) => {
    const hooks = hooksOf(store);
    const write = hooks && describeWrite(store, table, oldItem, newItem ?? undefined);
    if (hooks === undefined || write === undefined) return updateIndexes(store, table, oldItem, newItem, done);
    const veto = hooks.beforeWrite(write);
    if (veto !== undefined) return done(veto);
    const id = `${table.TableName}/${target.createKey(write.keys, table)}`;
    unstored.get(store.options)?.set(id, write);
    updateIndexes(store, table, oldItem, newItem, (error) => {
      if (error) unstored.get(store.options)?.delete(id);
      done(error);
    });
  };
}

/** Undefined when a client deletes what is not there: nothing is written then. A replica's delete still counts, for its stamp. */
function describeWrite(
  store: DynaliteStore,
  table: StoredTable,
  oldItem: WireItem | undefined,
  newItem: WireItem | undefined,
): ItemWrite | undefined {
  const cause = (Reflect.get(store, causeKey) as WriteCause | undefined) ?? { kind: 'client' };
  const keyNames = table.KeySchema.map((key) => key.AttributeName);
  const image = newItem ?? oldItem ?? (cause.kind === 'client' ? undefined : cause.keys);
  return image && { table, keys: keysOf(image, keyNames), oldItem, newItem, cause };
}

function watchStores(store: DynaliteStore, hooks: InstanceHooks): void {
  const getItemDb = store.getItemDb.bind(store);
  const writes = new Map<string, ItemWrite>();
  unstored.set(store.options, writes);
  store.getItemDb = (table) => {
    const items = getItemDb(table);
    if (Reflect.get(items, watchedMark) === true) return items;
    Reflect.set(items, watchedMark, true);
    const { put, del } = items;
    const stored = (key: string, done: Done): Done => {
      const id = `${table}/${key}`;
      return (error) => {
        const write = writes.get(id);
        writes.delete(id);
        if (!error && write !== undefined) hooks.afterWrite(write);
        done(error);
      };
    };
    items.put = (key, item, done) => put(key, item, stored(key, done));
    items.del = (key, done) => del(key, stored(key, done));
    return items;
  };
}

function patchConditions(target: DynaliteDb): void {
  for (const validation of [putItem, updateItem, deleteItem]) {
    validation.types['ReturnValuesOnConditionCheckFailure'] = { type: 'String', enum: ['ALL_OLD', 'NONE'] };
  }
  const checkConditional = target.checkConditional;
  target.checkConditional = (input, item) => {
    const failure = checkConditional(input, item);
    const wanted = Reflect.get(input, 'ReturnValuesOnConditionCheckFailure') === 'ALL_OLD';
    if (wanted && item !== undefined && isRecord(failure) && isRecord(failure['body'])) {
      Reflect.set(failure['body'], 'Item', item);
    }
    return failure;
  };
}
