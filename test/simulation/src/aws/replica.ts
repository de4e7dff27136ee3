import { MemoryTable } from '@tidemark/cache/testing';
import { type Attributes } from '@tidemark/protocol';
import { type ItemChange } from './change-bytes.js';

/** Decides which of two writes of different regions stays: the later one, by DynamoDB's own clocks. */
export interface ConflictStamp {
  readonly us: number;
  readonly region: string;
}

export interface ReplicatedWrite {
  readonly itemKey: string;
  readonly item: Attributes | undefined;
  readonly stamp: ConflictStamp;
}

export interface ReplicaOptions {
  readonly table: string;
  readonly region: string;
  /** µs since the epoch, by this replica's clock. */
  readonly nowUs: () => number;
  /** How far a change record's stamp is from that, µs. */
  readonly stampErrorUs: () => number;
  /** Every change, in the order in which it is applied, whoever made it. */
  readonly onChange: (change: ItemChange) => void;
  /** A change that the other region has to hear of. */
  readonly onLocalWrite: (write: ReplicatedWrite) => void;
}

/** One region's replica of a global table: writes of the region itself always win; those of another only if they are later. */
export class Replica {
  readonly region: string;
  readonly items: MemoryTable;
  readonly #options: ReplicaOptions;
  /** Of the last write of each item, a deletion included. */
  readonly #stamps = new Map<string, ConflictStamp>();
  #applying: ConflictStamp | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.region = options.region;
    this.items = new MemoryTable(options.table, (old, item) => this.#changed(old, item));
  }

  /** `false`: the write lost against a later one. */
  replicate({ itemKey, item, stamp }: ReplicatedWrite): boolean {
    const present = this.#stamps.get(itemKey);
    if (present !== undefined && !isLater(stamp, present)) return false;
    this.#applying = stamp;
    try {
      if (item === undefined) this.items.removeItem(itemKey);
      else this.items.writeItem(item);
    } finally {
      this.#applying = undefined;
    }
    this.#stamps.set(itemKey, stamp);
    return true;
  }

  #changed(old: Attributes | undefined, item: Attributes | undefined): void {
    const { table, region, nowUs, stampErrorUs, onChange, onLocalWrite } = this.#options;
    const itemKey = keyOf(item ?? old);
    const stampUs = Math.round(nowUs() + stampErrorUs());
    const replicated = this.#applying !== undefined;
    onChange({ table, region, itemKey, old, item, replicated, stampUs });
    if (replicated) return;
    const stamp = { us: Math.max(Math.round(nowUs()), (this.#stamps.get(itemKey)?.us ?? 0) + 1), region };
    this.#stamps.set(itemKey, stamp);
    onLocalWrite({ itemKey, item, stamp });
  }
}

function isLater(a: ConflictStamp, b: ConflictStamp): boolean {
  return a.us > b.us || (a.us === b.us && a.region > b.region);
}

function keyOf(item: Attributes | undefined): string {
  const key = item?.['key'] as { readonly S?: string } | undefined;
  if (key?.S === undefined) throw new RangeError('an item without a key');
  return key.S;
}
