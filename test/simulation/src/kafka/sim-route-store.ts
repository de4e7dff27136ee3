import { type RouteStore } from '@tidemark/pipeline';
import { decodeRoute, type Route, type TopicNames } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { LogSession } from './log-session.js';
import { ReadUpTo } from './read-up-to.js';
import { type SimKafka } from './sim-kafka.js';

export interface SimRouteStoreOptions {
  readonly kafka: SimKafka;
  readonly link: Link;
  readonly names: TopicNames;
}

const callTimeoutMs = 2_000;

/** A dispatcher's view of the routing topic. */
export class SimRouteStore implements RouteStore {
  readonly #options: SimRouteStoreOptions;
  readonly #read = new ReadUpTo();
  readonly #session: LogSession;
  #onRoute: (route: Route) => void = () => undefined;

  constructor(options: SimRouteStoreOptions) {
    this.#options = options;
    const { kafka, link } = options;
    this.#session = new LogSession({
      kafka,
      link,
      onBatch: ({ records, offset }) => {
        for (const { value } of records) {
          const result = decodeRoute(value);
          if (result.ok) this.#onRoute(result.route);
        }
        this.#read.reached(offset + records.length);
      },
      onState: () => undefined,
    });
  }

  async open(onRoute: (route: Route) => void): Promise<void> {
    this.#onRoute = onRoute;
    const { routes } = this.#options.names;
    const [start = 0] = await this.#session.bounds(routes, 'start');
    const [end = 0] = await this.#session.bounds(routes, 'end');
    this.#read.reached(start);
    this.#session.follow(routes, 0, start);
    await this.#read.until(end);
  }

  async barrier(signal: AbortSignal): Promise<void> {
    const { kafka, link, names } = this.#options;
    const failed = (reason: string): Error => new TidemarkError('FEED_UNAVAILABLE', reason, { retriable: true });
    const end = await link.call({
      ...{ what: 'find the end of the routes', signal, timeoutMs: callTimeoutMs, unsent: failed, unanswered: failed },
      serve: () => kafka.log(names.routes, 0).end,
    });
    await this.#read.until(end);
  }

  async close(): Promise<void> {
    this.#session.close();
    this.#onRoute = () => undefined;
  }
}
