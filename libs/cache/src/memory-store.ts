import { type ItemImage } from '@tidemark/protocol';
import { type ReadManyResult, type Store, type WriteCondition, type WriteOutcome } from './backend.js';

/** A change of one item, told synchronously and in order. */
export interface MemoryChange {
  readonly table: string;
  readonly old: ItemImage | undefined;
  readonly new: ItemImage | undefined;
}

/** One replica in memory, with DynamoDB's conditions. Tables come into being when they are first named. */
export class MemoryStore implements Store {
  readonly #tables = new Map<string, Map<string, ItemImage>>();
  readonly #onChange: (change: MemoryChange) => void;
  readonly #onTable: (table: string) => void;

  constructor(
    onChange: (change: MemoryChange) => void = () => undefined,
    onTable: (table: string) => void = () => undefined,
  ) {
    this.#onChange = onChange;
    this.#onTable = onTable;
  }

  async check(table: string): Promise<void> {
    this.#table(table);
  }

  async read(table: string, itemKey: string): Promise<ItemImage | undefined> {
    return this.#table(table).get(itemKey);
  }

  async readMany(table: string, itemKeys: readonly string[]): Promise<ReadManyResult> {
    const items = new Map<string, ItemImage>();
    for (const itemKey of itemKeys) {
      const image = this.#table(table).get(itemKey);
      if (image !== undefined) items.set(itemKey, image);
    }
    return { items, unread: new Map() };
  }

  async put(table: string, image: ItemImage, condition: WriteCondition): Promise<WriteOutcome> {
    const old = this.#table(table).get(image.key);
    if (!holds(condition, old)) return { type: 'refused', old };
    this.write(table, image.key, image);
    return { type: 'committed', old };
  }

  async delete(table: string, itemKey: string, condition: WriteCondition): Promise<WriteOutcome> {
    const old = this.#table(table).get(itemKey);
    if (!holds(condition, old)) return { type: 'refused', old };
    this.write(table, itemKey, undefined);
    return { type: 'committed', old };
  }

  /** Writes without a condition, as a foreign writer would; `undefined` removes the item. */
  write(table: string, itemKey: string, image: ItemImage | undefined): void {
    const items = this.#table(table);
    const old = items.get(itemKey);
    if (image === undefined) items.delete(itemKey);
    else items.set(itemKey, image);
    if (old !== undefined || image !== undefined) this.#onChange({ table, old, new: image });
  }

  #table(name: string): Map<string, ItemImage> {
    let items = this.#tables.get(name);
    if (items === undefined) {
      items = new Map();
      this.#tables.set(name, items);
      this.#onTable(name);
    }
    return items;
  }
}

function holds(condition: WriteCondition, old: ItemImage | undefined): boolean {
  if (condition.type === 'replaces') return old !== undefined && old.writeId === condition.writeId;
  return old === undefined || old.writeId === null || old.writeId < condition.than;
}
