import { decodeRoute, encodeRoute, type Route } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';

import { type RouteLog, type RouteLogHandler } from '../ports.js';

/** A routing topic in memory, shared by as many `FakeRouteLog`s as there are processes. */
export class FakeRoutingTopic {
  readonly #records: { table: string; bytes: string | null }[] = [];
  readonly #readers = new Set<() => void>();
  readonly #resets = new Set<() => void>();

  get records(): readonly { readonly table: string; readonly bytes: string | null }[] {
    return this.#records;
  }

  /** Routes as they stand in the topic, unreadable records left out. */
  get routes(): readonly Route[] {
    return this.#records.flatMap(({ bytes }) => {
      const result = decodeRoute(bytes);
      return result.ok ? [result.route] : [];
    });
  }

  /** Appends a route as another process would. */
  write(route: Route): void {
    this.writeRaw(route.table, encodeRoute(route));
  }

  /** The topic is made anew, empty. */
  reset(): void {
    this.#records.length = 0;
    for (const reset of this.#resets) reset();
  }

  /** Calls `reset` when the topic is made anew, until the returned function is called. */
  onReset(reset: () => void): () => void {
    this.#resets.add(reset);
    return () => this.#resets.delete(reset);
  }

  /** Appends any bytes. */
  writeRaw(table: string, bytes: string | null): void {
    this.#records.push({ table, bytes });
    for (const wake of this.#readers) wake();
  }

  /** Keeps each table's last record alone, in order, as Kafka's cleaner does; readers that are open have read what went. */
  compact(): void {
    const last = new Map(this.#records.map((record) => [record.table, record]));
    const kept = this.#records.filter((record) => last.get(record.table) === record);
    this.#records.splice(0, this.#records.length, ...kept);
  }

  /** Calls `wake` after each record until the returned function is called. */
  follow(wake: () => void): () => void {
    this.#readers.add(wake);
    return () => this.#readers.delete(wake);
  }
}

/** One process's view of a `FakeRoutingTopic`. Records are handed over at once unless `pause` holds them back; `barrier` hands them over. */
export class FakeRouteLog implements RouteLog {
  problem: string | undefined;
  /** Called before each append, with the route: a place for another writer to step in. */
  beforeAppend: (route: Route) => void | Promise<void> = () => undefined;
  readonly #topic: FakeRoutingTopic;
  readonly #failures: { written: boolean | 'later' }[] = [];
  readonly #late: Route[] = [];
  #handler: RouteLogHandler | undefined;
  #unfollow: () => void = () => undefined;
  #position = 0;
  #paused = false;

  constructor(topic = new FakeRoutingTopic()) {
    this.#topic = topic;
  }

  async open(handler: RouteLogHandler): Promise<void> {
    if (this.#handler !== undefined) throw new Error('open already');
    this.#handler = handler;
    this.#handOver();
    const unfollow = this.#topic.follow(() => {
      if (!this.#paused) this.#handOver();
    });
    const unwatch = this.#topic.onReset(() => {
      this.#position = 0;
      handler.onReset?.();
    });
    this.#unfollow = () => {
      unfollow();
      unwatch();
    };
  }

  async barrier(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new TidemarkError('ABORTED', 'barrier was aborted', { retriable: false });
    if (this.#handler === undefined) throw new TidemarkError('CLOSED', 'the log is not open', { retriable: false });
    this.#handOver();
  }

  async append(route: Route, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new TidemarkError('ABORTED', 'append was aborted', { retriable: false });
    await this.beforeAppend(route);
    const failure = this.#failures.shift();
    if (failure === undefined || failure.written === true) this.#topic.write(route);
    if (failure?.written === 'later') this.#late.push(route);
    if (failure !== undefined) throw new TidemarkError('PUBLISH_FAILED', 'no answer', { retriable: true });
  }

  async close(): Promise<void> {
    this.#unfollow();
    this.#handler = undefined;
  }

  /** The next append fails: before it was written, after, or to be written by `deliverLate`. */
  failNextAppend(written: boolean | 'later'): void {
    this.#failures.push({ written });
  }

  /** Writes what a failed append had left on its way. */
  deliverLate(): void {
    for (const route of this.#late.splice(0)) this.#topic.write(route);
  }

  /** Holds records back until `barrier` or `resume`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#handOver();
  }

  #handOver(): void {
    for (; this.#handler !== undefined && this.#position < this.#topic.records.length;) {
      const result = decodeRoute(this.#topic.records[this.#position++]?.bytes ?? null);
      if (result.ok) this.#handler.onRoute(result.route);
      else this.#handler.onUnreadable(result.reason, result.unsupported);
    }
  }
}
