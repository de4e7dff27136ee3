import { isWriteId, type ItemImage, ownItemKeyOf, type WriteClock, type WriteId } from '@tidemark/protocol';
import { type Clock, isTidemarkError, wait } from '@tidemark/runtime';
import { type Store, type StoreCall, type WriteCondition } from '../backend.js';
import { distinct, type HotKeyList, type HotListed, listKeysMax, type RecentlyListed } from './hot-key-list.js';
import { decodeHeader, decodePart, encodeHeader, encodeParts, listCodec, type ListHeader } from './list-parts.js';

export interface ListStoreOptions {
  readonly store: Store;
  readonly table: string;
  readonly cache: string;
  /** This pod's region: the only one whose list it writes. */
  readonly region: string;
  readonly clock: Clock;
  readonly writeClock: WriteClock;
  readonly newLeaseId: () => string;
  /** Of one request, ms. */
  readonly timeoutMs: number;
}

/** A list that nobody brings up to date any more ends by itself, ms. */
const keptMs = 7 * 86_400_000;
/** Written in a second: a list is no burst for its table, of whose write units this takes a hundred, nor for its stream, which carries both images. */
const bytesPerSecond = 100 * 1_024;
/** Parts of one request. */
const partsAtOnce = 16;

/**
 * The lists of hot keys of one cache, one for each region, in the table itself: so they reach pods to come, and the pods of other regions by the
 * table's own replication, without anything else to run. Their items have keys that no cache can have.
 *
 * Parts first, then the header that names how many there are. A pod that ends in between leaves some new parts under an old header: each part
 * stands by itself, so that the list is still one.
 */
export class ListStore {
  readonly #options: ListStoreOptions;

  constructor(options: ListStoreOptions) {
    this.#options = options;
  }

  /** `undefined`: the region has no list, or none that can be read. */
  async header(region: string, signal?: AbortSignal): Promise<ListHeader | undefined> {
    const { store, table, writeClock } = this.#options;
    const image = await this.#wellFormed(store.read(table, this.#itemKey(region), this.#call(signal)));
    if (typeof image?.writeId === 'string') writeClock.merge(image.writeId);
    if (typeof image?.value !== 'string' || image.codec !== listCodec) return undefined;
    return decodeHeader(image.value);
  }

  /**
   * What can be read of a region's list; `undefined`: nothing. Fails only where no part could be asked for. Once there are as many keys as a list has, parts are
   * passed over: others than ours could unpack to many times what they store.
   */
  async read(region: string, signal?: AbortSignal): Promise<HotKeyList | undefined> {
    const { store, table } = this.#options;
    const header = await this.header(region, signal);
    if (header === undefined) return undefined;
    const itemKeys = Array.from({ length: header.parts }, (_, part) => this.#itemKey(region, part));
    const hot: HotListed[] = [];
    const recent: RecentlyListed[] = [];
    for (let from = 0; from < itemKeys.length && signal?.aborted !== true; from += partsAtOnce) {
      const some = itemKeys.slice(from, from + partsAtOnce);
      const { items } = await store.readMany(table, some, this.#call(signal));
      for (const itemKey of some)
        if (Math.max(hot.length, recent.length) < listKeysMax) await this.#take(items.get(itemKey), hot, recent);
    }
    if (hot.length + recent.length === 0) return undefined;
    // Parts of two publications may name a key twice.
    return { at: header.at, hot: await distinct(hot), recent: await distinct(recent) };
  }

  /** Whether this pod may publish now: no other does. */
  async takeTurn(untilMs: number): Promise<boolean> {
    const { store, table, region, clock, newLeaseId } = this.#options;
    const nowMs = clock.now();
    const lease = { leaseId: newLeaseId(), nowMs, leaseUntil: nowMs + untilMs, expiresAt: this.#expiresAt() };
    const turn = this.#itemKey(region, 'turn');
    const { type } = await store.acquireLease(table, turn, lease, this.#call());
    return type === 'acquired';
  }

  /** Replaces this region's list; resolves to the bytes that were written. Fails with the first part that was not written. */
  async write(list: HotKeyList, signal: AbortSignal): Promise<number> {
    const { region, clock } = this.#options;
    const parts = await encodeParts(list);
    let bytes = 0;
    for (const [index, part] of parts.entries()) {
      await this.#put(this.#itemKey(region, index), part, signal);
      bytes += part.byteLength;
      await wait(clock, (part.byteLength / bytesPerSecond) * 1_000, signal, { unref: true });
      if (signal.aborted) return bytes;
    }
    await this.#put(this.#itemKey(region), encodeHeader({ at: list.at, parts: parts.length }), signal);
    return bytes;
  }

  /**
   * A pod whose clock was far ahead must not keep the list as it left it: its write is out-bid once. What is no write id, or has none above it, may
   * sort behind every one that is minted: such an item is replaced as it stands.
   */
  async #put(key: string, value: string | Uint8Array, signal: AbortSignal): Promise<void> {
    const { writeClock } = this.#options;
    const writeId = writeClock.mint();
    const found = await this.#putAs(writeId, key, value, { type: 'newer', than: writeId }, signal);
    if (found === undefined) return;
    const above = isWriteId(found) ? writeClock.above(found) : undefined;
    if (above === undefined) await this.#putAs(writeId, key, value, { type: 'replaces', writeId: found }, signal);
    else await this.#putAs(above, key, value, { type: 'newer', than: above }, signal);
  }

  /** The write id that refused the write, if one did. */
  async #putAs(
    writeId: WriteId,
    key: string,
    value: string | Uint8Array,
    condition: WriteCondition,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { store, table, region } = this.#options;
    const image: ItemImage = {
      ...{ key, value, writeId, codec: listCodec, expiresAt: this.#expiresAt(), writtenBy: region },
      ...{ tombstone: false, leaseId: null, leaseUntil: null, loaded: false },
    };
    const { type, old } = await store.put(table, image, condition, this.#call(signal));
    return type === 'refused' ? (old?.writeId ?? undefined) : undefined;
  }

  /** An item that somebody has spoilt is no list. */
  async #wellFormed(read: Promise<ItemImage | undefined>): Promise<ItemImage | undefined> {
    try {
      return await read;
    } catch (error) {
      if (isTidemarkError(error) && error.code === 'MALFORMED_ITEM') return undefined;
      throw error;
    }
  }

  async #take(image: ItemImage | undefined, hot: HotListed[], recent: RecentlyListed[]): Promise<void> {
    if (image === undefined || image.codec !== listCodec || !(image.value instanceof Uint8Array)) return;
    const part = await decodePart(this.#options.cache, image.value);
    for (const each of part?.hot ?? []) hot.push(each);
    for (const each of part?.recent ?? []) recent.push(each);
  }

  #itemKey(region: string, part?: number | 'turn'): string {
    const { cache } = this.#options;
    return part === undefined
      ? ownItemKeyOf('hot-keys', cache, region)
      : ownItemKeyOf('hot-keys', cache, region, String(part));
  }

  #expiresAt(): number {
    return Math.ceil((this.#options.clock.now() + keptMs) / 1_000);
  }

  #call(signal?: AbortSignal): StoreCall {
    return { timeoutMs: this.#options.timeoutMs, signal };
  }
}
