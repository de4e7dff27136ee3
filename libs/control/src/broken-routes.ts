import { type Route, targetsOf } from '@tidemark/protocol';

/** Tables that two wrote at once, until one of them, or another process, has written them anew. */
export class BrokenRoutes {
  /** Table → the highest version that the other used. */
  readonly #versions = new Map<string, number>();

  get size(): number {
    return this.#versions.size;
  }

  get tables(): readonly string[] {
    return [...this.#versions.keys()];
  }

  /** Table and foreign version of each. */
  get all(): readonly (readonly [table: string, version: number])[] {
    return [...this.#versions];
  }

  note({ table, version }: Route): void {
    this.#versions.set(table, Math.max(version, this.#versions.get(table) ?? 0));
  }

  /** An accepted record; one above both with nothing but fresh `since` is what puts a table right, whoever wrote it. */
  noteAccepted(route: Route): void {
    const isAfresh = targetsOf(route).every(({ since }) => since === route.version);
    if (isAfresh && route.version > (this.#versions.get(route.table) ?? Infinity)) this.#versions.delete(route.table);
  }

  delete(table: string): void {
    this.#versions.delete(table);
  }
}
