import { type WriteStamp } from './last-writers.js';
import { type WireItem } from './wire-item.js';

/** The part of a stored table that the write hooks look at. */
export interface StoredTable {
  readonly TableName: string;
  readonly KeySchema: readonly { readonly AttributeName: string; readonly KeyType: string }[];
}

/** Who wrote: a client of this region, the replication from another one, or the expiry of old items. */
export type WriteCause =
  | { readonly kind: 'client' }
  | { readonly kind: 'replica'; readonly keys: WireItem; readonly stamp: WriteStamp }
  | { readonly kind: 'expiry'; readonly keys: WireItem };

/** One write of one item, with exact images: they were read and are replaced under the key's lock. */
export interface ItemWrite {
  readonly table: StoredTable;
  readonly keys: WireItem;
  /** Absent when there was no item. */
  readonly oldItem: WireItem | undefined;
  /** Absent when the item is deleted. */
  readonly newItem: WireItem | undefined;
  readonly cause: WriteCause;
}

/** What one database instance is told about its writes; both run synchronously while the key is locked, and must not throw. */
export interface WriteHooks {
  /** After the condition passed, before anything is stored. A returned error is the answer to the writer, and nothing is stored. */
  beforeWrite(write: ItemWrite): Error | undefined;
  /** Once the write is stored, and before its writer has the answer. */
  afterWrite(write: ItemWrite): void;
}
