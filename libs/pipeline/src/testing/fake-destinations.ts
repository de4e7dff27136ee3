import { TidemarkError } from '@tidemark/runtime';
import {
  type DestinationLook,
  type DestinationReader,
  type DestinationStore,
  type TableDestination,
} from '../ports.js';

const active: TableDestination = { status: 'ACTIVE', description: null, precision: 'MICROSECOND' };

/** The streaming destinations of tables, and the last looks at them, in memory. A table is active until a test says something else. */
export class FakeDestinations implements DestinationReader {
  readonly #tables = new Map<string, TableDestination>();
  #down = false;
  /** Tables that were asked for, in order, and those that were looked at. */
  readonly asked: string[] = [];
  readonly looks: string[] = [];
  readonly store = new FakeDestinationStore();

  set down(down: boolean) {
    this.#down = down;
  }

  set(table: string, destination: Partial<TableDestination>): void {
    this.#tables.set(table, { ...this.of(table), ...destination });
  }

  of(table: string): TableDestination {
    return this.#tables.get(table) ?? active;
  }

  async read(table: string, signal: AbortSignal): Promise<TableDestination> {
    if (signal.aborted) throw new TidemarkError('ABORTED', 'the call was aborted', { retriable: false });
    this.asked.push(table);
    if (this.#down) throw new TidemarkError('THROTTLED', 'too many looks', { retriable: true });
    this.looks.push(table);
    return this.of(table);
  }
}

export class FakeDestinationStore implements DestinationStore {
  readonly #looks = new Map<string, DestinationLook>();
  #down = false;

  set down(down: boolean) {
    this.#down = down;
  }

  /** Loses every look. */
  clear(): void {
    this.#looks.clear();
  }

  async get(table: string, signal: AbortSignal): Promise<DestinationLook | undefined> {
    this.#begin(signal);
    return this.#looks.get(table);
  }

  async put(table: string, look: DestinationLook, signal: AbortSignal): Promise<void> {
    this.#begin(signal);
    if ((this.#looks.get(table)?.lookedAt ?? -Infinity) <= look.lookedAt) this.#looks.set(table, look);
  }

  #begin(signal: AbortSignal): void {
    if (signal.aborted) throw new TidemarkError('ABORTED', 'the call was aborted', { retriable: false });
    if (this.#down)
      throw new TidemarkError('STORE_UNAVAILABLE', 'the lease table does not answer', { retriable: true });
  }
}
