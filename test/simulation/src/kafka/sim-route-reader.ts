import { type Route } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { names } from '../world/names.js';
import { LogSession } from './log-session.js';
import { ReadUpTo } from './read-up-to.js';
import { type SimKafka } from './sim-kafka.js';

const callTimeoutMs = 2_000;

/** One process's reading of the routing topic: whole, and then on. */
export class SimRouteReader {
  readonly #kafka: SimKafka;
  readonly #link: Link;
  readonly #read = new ReadUpTo();
  readonly #session: LogSession;
  #onRoute: (route: Route) => void = () => undefined;

  /** `routeFrom`: the route that a record holds, if any. */
  constructor(kafka: SimKafka, link: Link, routeFrom: (value: Uint8Array | null) => Route | undefined) {
    this.#kafka = kafka;
    this.#link = link;
    this.#session = new LogSession({
      kafka,
      link,
      onBatch: ({ records, offset }) => {
        for (const { value } of records) {
          const route = routeFrom(value);
          if (route !== undefined) this.#onRoute(route);
        }
        this.#read.reached(offset + records.length);
      },
      onState: () => undefined,
    });
  }

  async open(onRoute: (route: Route) => void): Promise<void> {
    this.#onRoute = onRoute;
    const [start = 0] = await this.#session.bounds(names.routes, 'start');
    const [end = 0] = await this.#session.bounds(names.routes, 'end');
    this.#read.reached(start);
    this.#session.follow(names.routes, 0, start);
    await this.#read.until(end);
  }

  async barrier(signal: AbortSignal): Promise<void> {
    const failed = (reason: string): Error => new TidemarkError('FEED_UNAVAILABLE', reason, { retriable: true });
    const end = await this.#link.call({
      ...{ what: 'find the end of the routes', signal, timeoutMs: callTimeoutMs, unsent: failed, unanswered: failed },
      serve: () => this.#kafka.log(names.routes, 0).end,
    });
    await this.#read.until(end);
  }

  close(): void {
    this.#session.close();
    this.#onRoute = () => undefined;
  }
}
