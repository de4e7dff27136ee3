import { type Route } from '@tidemark/protocol';
import { type Link } from '../network/link.js';
import { names } from '../world/names.js';
import { LogSession } from './log-session.js';
import { type SimKafka } from './sim-kafka.js';

/** One process's reading of the routing topic: whole, and then on. */
export class SimRouteReader {
  readonly #session: LogSession;
  #onRoute: (route: Route) => void = () => undefined;
  #onReset: () => void = () => undefined;

  /** `routeFrom`: the route that a record holds, if any. */
  constructor(kafka: SimKafka, link: Link, routeFrom: (value: Uint8Array | null) => Route | undefined) {
    this.#session = new LogSession({
      ...{ kafka, link },
      handler: {
        onRecords: (_topic, _partition, messages) => {
          for (const { value } of messages) {
            const route = routeFrom(value);
            if (route !== undefined) this.#onRoute(route);
          }
        },
        onGap: () => undefined,
        onReset: () => this.#onReset(),
        onPartitions: () => undefined,
        onState: () => undefined,
      },
    });
  }

  async open(onRoute: (route: Route) => void, onReset: () => void = () => undefined): Promise<void> {
    this.#onRoute = onRoute;
    this.#onReset = onReset;
    await this.#session.follow(new Map([[names.routes, { from: 'start', compacted: true }]]));
    await this.#session.barrier(names.routes);
  }

  barrier(signal: AbortSignal): Promise<void> {
    return this.#session.barrier(names.routes, signal);
  }

  positions(topic: string): readonly bigint[] {
    return this.#session.positions(topic);
  }

  close(): void {
    this.#session.close();
    this.#onRoute = () => undefined;
  }
}
