import { type ItemImage } from '@tidemark/protocol';
import {
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
import { messageOf, TidemarkError } from '@tidemark/runtime';
import { isOverload } from './overload-error.js';
import { type GuardProfile, type TableGuard } from './table-guard.js';

/** What one request of DynamoDB takes. */
const batchKeysMax = 100;

/** A store of one table behind its guard, as one cache is to see it. Fails as the store does, and with `OVERLOADED` and `QUEUE_FULL`: nothing was sent then. */
export class GuardedStore implements Store {
  readonly #store: Store;
  readonly #guard: TableGuard;
  readonly #profile: GuardProfile;

  constructor(store: Store, guard: TableGuard, profile: GuardProfile) {
    this.#store = store;
    this.#guard = guard;
    this.#profile = profile;
  }

  get readKeysMax(): number | undefined {
    return this.#guard.readKeysMax;
  }

  get readKeysPerSecond(): number | undefined {
    return this.#guard.readKeysPerSecond;
  }

  /** Once, at the start: it is not guarded. */
  check(table: string, call: StoreCall): Promise<void> {
    return this.#store.check(table, call);
  }

  read(table: string, itemKey: string, call: ReadCall): Promise<ItemImage | undefined> {
    const { consistency } = call;
    const send = (sentCall: StoreCall): Promise<ItemImage | undefined> =>
      this.#store.read(table, itemKey, { ...sentCall, consistency });
    return this.#guard.read({ operation: 'read', keys: 1, size: 'one', profile: this.#profile, call, send });
  }

  readMany(table: string, itemKeys: readonly string[], call: ReadCall): Promise<ReadManyResult> {
    const keysMax = this.readKeysMax;
    if (keysMax === undefined || itemKeys.length <= keysMax) return this.#readMany(table, itemKeys, call);
    const parts = partsOf([...new Set(itemKeys)], keysMax);
    return together(parts, (part) => this.#readMany(table, part, call, parts));
  }

  /** A page counts as the reads that its items take at most: half a read unit each. Fails with `NOT_SUPPORTED` where the store cannot. */
  async scanKeys(table: string, scan: KeyScan, call: StoreCall): Promise<KeyPage> {
    const send = (sentCall: StoreCall): Promise<KeyPage> => {
      const page = this.#store.scanKeys?.(table, scan, sentCall);
      if (page !== undefined) return page;
      throw new TidemarkError('NOT_SUPPORTED', 'this store cannot scan', { retriable: false });
    };
    const keys = Math.ceil(scan.examineMax / 2);
    return this.#guard.read({ operation: 'scanKeys', keys, size: 'bulk', profile: this.#profile, call, send });
  }

  put(table: string, image: ItemImage, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    return this.#write('put', call, (sentCall) => this.#store.put(table, image, condition, sentCall));
  }

  delete(table: string, itemKey: string, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    return this.#write('delete', call, (sentCall) => this.#store.delete(table, itemKey, condition, sentCall));
  }

  acquireLease(table: string, itemKey: string, lease: LeaseClaim, call: StoreCall): Promise<LeaseOutcome> {
    return this.#write('acquireLease', call, (sentCall) => this.#store.acquireLease(table, itemKey, lease, sentCall));
  }

  releaseLease(table: string, itemKey: string, lease: HeldLease, call: StoreCall): Promise<void> {
    return this.#write('releaseLease', call, (sentCall) => this.#store.releaseLease(table, itemKey, lease, sentCall));
  }

  touch(table: string, itemKey: string, mark: string, call: StoreCall): Promise<boolean> {
    return this.#write('touch', call, (sentCall) => this.#store.touch(table, itemKey, mark, sentCall));
  }

  #readMany(table: string, itemKeys: readonly string[], call: ReadCall, partOf?: object): Promise<ReadManyResult> {
    return this.#guard.read({
      operation: 'readMany',
      keys: itemKeys.length,
      partOf,
      size: itemKeys.length <= batchKeysMax ? 'batch' : 'bulk',
      profile: this.#profile,
      call,
      send: (sentCall) => this.#store.readMany(table, itemKeys, { ...sentCall, consistency: call.consistency }),
      isOverloaded: ({ unread }) => [...unread.values()].some(isOverload),
    });
  }

  #write<T>(operation: string, call: StoreCall, send: (call: StoreCall) => Promise<T>): Promise<T> {
    return this.#guard.write({ operation, profile: this.#profile, call, send });
  }
}

function partsOf(itemKeys: readonly string[], keysMax: number): readonly (readonly string[])[] {
  const parts: (readonly string[])[] = [];
  for (let at = 0; at < itemKeys.length; at += keysMax) parts.push(itemKeys.slice(at, at + keysMax));
  return parts;
}

/** One result of all parts; what a part fails with, its keys are unread with. Fails when every part does. */
async function together(
  parts: readonly (readonly string[])[],
  read: (part: readonly string[]) => Promise<ReadManyResult>,
): Promise<ReadManyResult> {
  const items = new Map<string, ItemImage>();
  const unread = new Map<string, Error>();
  const failures: Error[] = [];
  await Promise.all(
    parts.map(async (part) => {
      try {
        const result = await read(part);
        for (const [itemKey, item] of result.items) items.set(itemKey, item);
        for (const [itemKey, error] of result.unread) unread.set(itemKey, error);
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(messageOf(error));
        failures.push(failure);
        for (const itemKey of part) unread.set(itemKey, failure);
      }
    }),
  );
  const [first] = failures;
  if (first !== undefined && failures.length === parts.length) throw first;
  return { items, unread };
}
