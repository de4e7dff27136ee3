import {
  type HeldLease,
  type LeaseClaim,
  type LeaseOutcome,
  type ReadManyResult,
  type Store,
  type StoreCall,
  type WriteCondition,
  type WriteOutcome,
} from '@tidemark/cache';
import { type ItemImage } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { type Replica } from './replica.js';

export interface SimStoreOptions {
  readonly replica: Replica;
  readonly link: Link;
  /** Whether this call is throttled. */
  readonly throttles: () => boolean;
  /** Runs the effect of a write on behalf of whoever made the call. */
  readonly attribute: <T>(call: StoreCall, effect: () => T) => T;
  /** A deletion was made where there was nothing. */
  readonly onEmptyDelete: (itemKey: string) => void;
}

/** A pod's view of its region's replica. */
export class SimStore implements Store {
  readonly #options: SimStoreOptions;

  constructor(options: SimStoreOptions) {
    this.#options = options;
  }

  check(table: string, call: StoreCall): Promise<void> {
    return this.#read(`check ${table}`, undefined, call, () => undefined);
  }

  read(_table: string, itemKey: string, call: StoreCall): Promise<ItemImage | undefined> {
    return this.#read(`read ${itemKey}`, itemKey, call, () => this.#options.replica.items.read(itemKey));
  }

  /** Throttled, it leaves every other key unread. */
  readMany(table: string, itemKeys: readonly string[], call: StoreCall): Promise<ReadManyResult> {
    const { link, replica, throttles } = this.#options;
    const serve = (): ReadManyResult => {
      const unread = throttles() ? itemKeys.filter((_, index) => index % 2 === 0) : [];
      return replica.items.readMany(itemKeys, new Map(unread.map((key) => [key, throttled(table)])));
    };
    return link.call({ ...readCall(`read ${itemKeys.join(' ')}`, call), key: itemKeys[0], serve });
  }

  put(_table: string, image: ItemImage, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    const { key, value, writeId } = image;
    const detail = `= ${String(value)} under ${shortId(writeId)}`;
    return this.#write(`put ${key}`, key, call, () => this.#options.replica.items.put(image, condition), detail);
  }

  delete(_table: string, itemKey: string, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    const { replica, onEmptyDelete } = this.#options;
    return this.#write(`delete ${itemKey}`, itemKey, call, () => {
      const outcome = replica.items.delete(itemKey, condition);
      if (outcome.type === 'committed' && outcome.old === undefined) onEmptyDelete(itemKey);
      return outcome;
    });
  }

  acquireLease(_table: string, itemKey: string, lease: LeaseClaim, call: StoreCall): Promise<LeaseOutcome> {
    const { replica } = this.#options;
    return this.#write(`claim ${itemKey}`, itemKey, call, () => replica.items.acquireLease(itemKey, lease));
  }

  releaseLease(_table: string, itemKey: string, lease: HeldLease, call: StoreCall): Promise<void> {
    const { replica } = this.#options;
    return this.#write(`release ${itemKey}`, itemKey, call, () => replica.items.releaseLease(itemKey, lease));
  }

  touch(_table: string, itemKey: string, mark: string, call: StoreCall): Promise<boolean> {
    return this.#write(`touch ${itemKey}`, itemKey, call, () => this.#options.replica.items.touch(itemKey, mark));
  }

  #read<T>(what: string, key: string | undefined, call: StoreCall, serve: () => T): Promise<T> {
    return this.#options.link.call({ ...readCall(what, call), key, serve: () => this.#serve(serve) });
  }

  #write<T>(what: string, key: string, call: StoreCall, serve: () => T, detail?: string): Promise<T> {
    const ambiguous = (reason: string): Error =>
      new TidemarkError('AMBIGUOUS_WRITE', `${what} may or may not have been committed: ${reason}`, {
        retriable: false,
      });
    return this.#options.link.call({
      ...{ what, key, told: true, timeoutMs: call.timeoutMs, signal: call.signal },
      ...{ unsent: unavailable, unanswered: ambiguous },
      ...(detail === undefined ? {} : { detail }),
      serve: () => this.#options.attribute(call, () => this.#serve(serve)),
    });
  }

  #serve<T>(serve: () => T): T {
    if (this.#options.throttles()) throw throttled('');
    return serve();
  }
}

function readCall(what: string, { timeoutMs, signal }: StoreCall) {
  const unanswered = (reason: string, cause: 'timeout' | 'aborted'): Error =>
    cause === 'aborted'
      ? new TidemarkError('ABORTED', `${what} was aborted`, { retriable: false })
      : new TidemarkError('TIMEOUT', `${what}: ${reason}`, { retriable: true });
  return { what, told: true, timeoutMs, signal, unsent: unavailable, unanswered };
}

function unavailable(reason: string): Error {
  return new TidemarkError('STORE_UNAVAILABLE', `the table does not answer: ${reason}`, { retriable: true });
}

function throttled(table: string): TidemarkError {
  return new TidemarkError('THROTTLED', `table ${table} was throttled`, { retriable: true, context: { table } });
}

/** The last digits of a write id, enough to tell those of a run apart. */
function shortId(writeId: string | null): string {
  return writeId === null ? 'no write id' : `…${writeId.slice(8, 16)}.${writeId.slice(-3)}`;
}
