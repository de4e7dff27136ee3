import { encodeRoute, type Route } from '@tidemark/protocol';

/** What a record of the routing topic meant to its reader. */
export type LedgerVerdict =
  /** The table's route from now on. */
  | 'accepted'
  /** Accepted, although its writer had not seen the record before it: two wrote at once. */
  | 'out-of-step'
  /** Seen before the log began anew, and read again since. */
  | 'repeated'
  /** Of a lower epoch than one already seen: a zombie's, ignored by every reader. */
  | 'stale';

/** The routing topic folded, in log order, into what stands and what stood before. */
export class RouteLedger {
  readonly #historyMax: number;
  readonly #routes = new Map<string, Route>();
  readonly #histories = new Map<string, Route[]>();
  #epoch = 0;
  #restarted = false;

  /** `historyMax`: changes kept per table. */
  constructor(historyMax: number) {
    this.#historyMax = historyMax;
  }

  /** The highest writer epoch seen. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Live routes. */
  get count(): number {
    let count = 0;
    for (const route of this.#routes.values()) if (!route.deleted) count += 1;
    return count;
  }

  apply(route: Route): LedgerVerdict {
    if (this.#restarted && this.#isOld(route)) return 'repeated';
    if (route.writerEpoch < this.#epoch) return 'stale';
    this.#epoch = route.writerEpoch;
    const known = this.#routes.get(route.table);
    if (known !== undefined && encodeRoute(known) === encodeRoute(route)) return 'accepted';
    this.#routes.set(route.table, route);
    this.#remember(route);
    return known === undefined || route.version > known.version ? 'accepted' : 'out-of-step';
  }

  /** The log has begun anew: what it still holds from before comes again, and means nothing. What stands stays, whatever is missing there. */
  restart(): void {
    this.#restarted = true;
  }

  /** All that it held when it began anew was read: an old record that comes from now on was written behind it. */
  catchUp(): void {
    this.#restarted = false;
  }

  /** The last record of a table, deletions included. */
  last(table: string): Route | undefined {
    return this.#routes.get(table);
  }

  /** The last record of every table, deletions included, sorted by table. */
  all(): readonly Route[] {
    return [...this.#routes.values()].sort((a, b) => (a.table < b.table ? -1 : 1));
  }

  /** Live routes, sorted by table. */
  live(): readonly Route[] {
    return [...this.#routes.values()].filter((route) => !route.deleted).sort((a, b) => (a.table < b.table ? -1 : 1));
  }

  /** Records of a table, newest first. */
  history(table: string): readonly Route[] {
    return [...(this.#histories.get(table) ?? [])].reverse();
  }

  #isOld(route: Route): boolean {
    const encoded = encodeRoute(route);
    return (this.#histories.get(route.table) ?? []).some((old) => encodeRoute(old) === encoded);
  }

  #remember(route: Route): void {
    const history = this.#histories.get(route.table) ?? [];
    history.push(route);
    if (history.length > this.#historyMax) history.shift();
    this.#histories.set(route.table, history);
  }
}
