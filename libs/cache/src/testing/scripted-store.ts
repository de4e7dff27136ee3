import { type ItemImage } from '@tidemark/protocol';
import {
  type HeldLease,
  type LeaseClaim,
  type LeaseOutcome,
  type ReadCall,
  type ReadManyResult,
  type Store,
  type StoreCall,
  type WriteCondition,
  type WriteOutcome,
} from '../backend.js';

/** One call that waits for its answer. */
export interface OpenCall<T, C extends StoreCall = StoreCall> {
  readonly call: C;
  readonly answer: (value: T) => void;
  readonly fail: (error: Error) => void;
}

/** A store that answers nothing by itself: a test answers each call, in the order that it wants to see. */
export class ScriptedStore implements Store {
  readonly reads: (OpenCall<ItemImage | undefined, ReadCall> & { readonly itemKey: string })[] = [];
  readonly batches: (OpenCall<ReadManyResult, ReadCall> & { readonly itemKeys: readonly string[] })[] = [];
  readonly writes: (OpenCall<WriteOutcome> & {
    readonly itemKey: string;
    /** `undefined`: a delete. */
    readonly image: ItemImage | undefined;
    readonly condition: WriteCondition;
  })[] = [];
  readonly claims: (OpenCall<LeaseOutcome> & { readonly itemKey: string; readonly lease: LeaseClaim })[] = [];
  readonly releases: (OpenCall<void> & { readonly itemKey: string; readonly lease: HeldLease })[] = [];
  readonly touches: (OpenCall<boolean> & { readonly itemKey: string; readonly mark: string })[] = [];

  async check(): Promise<void> {}

  read(_table: string, itemKey: string, call: ReadCall): Promise<ItemImage | undefined> {
    return new Promise((answer, fail) => this.reads.push({ itemKey, call, answer, fail }));
  }

  readMany(_table: string, itemKeys: readonly string[], call: ReadCall): Promise<ReadManyResult> {
    return new Promise((answer, fail) => this.batches.push({ itemKeys, call, answer, fail }));
  }

  put(_table: string, image: ItemImage, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    return new Promise((answer, fail) =>
      this.writes.push({ itemKey: image.key, image, condition, call, answer, fail }),
    );
  }

  delete(_table: string, itemKey: string, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    return new Promise((answer, fail) =>
      this.writes.push({ itemKey, image: undefined, condition, call, answer, fail }),
    );
  }

  acquireLease(_table: string, itemKey: string, lease: LeaseClaim, call: StoreCall): Promise<LeaseOutcome> {
    return new Promise((answer, fail) => this.claims.push({ itemKey, lease, call, answer, fail }));
  }

  releaseLease(_table: string, itemKey: string, lease: HeldLease, call: StoreCall): Promise<void> {
    return new Promise((answer, fail) => this.releases.push({ itemKey, lease, call, answer, fail }));
  }

  touch(_table: string, itemKey: string, mark: string, call: StoreCall): Promise<boolean> {
    return new Promise((answer, fail) => this.touches.push({ itemKey, mark, call, answer, fail }));
  }
}

/** An item of bucket `things`. */
export function itemOf(key: string, value: string | null, over: Partial<ItemImage> = {}): ItemImage {
  return {
    ...{ key: `things:${key}`, value, codec: null, writeId: 'A', expiresAt: null, writtenBy: null },
    ...{ tombstone: false, leaseId: null, leaseUntil: null, loaded: false },
    ...over,
  };
}
