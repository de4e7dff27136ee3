import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type StampPrecision } from './cdc-record.js';

/** Where the changes of a table go. */
export interface StreamDestination {
  readonly streamName: string;
  readonly streamArn: string;
  readonly status: 'ACTIVE' | 'DISABLED';
  readonly precision: StampPrecision;
}

/** What a region knows of a table besides its items. */
export interface TableSettings {
  /** The other regions that hold a replica. */
  readonly replicas: readonly string[];
  readonly destination?: StreamDestination | undefined;
  /** The attribute that holds the time at which an item expires, when that is enabled. */
  readonly expiryAttribute?: string | undefined;
}

const none: TableSettings = { replicas: [] };

/** The settings of every table of one region; written to `file`, when there is one, at every change. */
export class TableSettingsBook {
  readonly #file: string | undefined;
  readonly #tables: Map<string, TableSettings>;

  constructor(file?: string) {
    this.#file = file;
    this.#tables = new Map(file === undefined ? [] : read(file));
  }

  get(table: string): TableSettings {
    return this.#tables.get(table) ?? none;
  }

  get tables(): readonly string[] {
    return [...this.#tables.keys()];
  }

  change(table: string, change: Partial<TableSettings>): void {
    this.#tables.set(table, { ...this.get(table), ...change });
    this.#save();
  }

  forget(table: string): void {
    this.#tables.delete(table);
    this.#save();
  }

  #save(): void {
    if (this.#file === undefined) return;
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(this.#file, JSON.stringify([...this.#tables], undefined, 2));
  }
}

function read(file: string): [string, TableSettings][] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as [string, TableSettings][]) : [];
}
