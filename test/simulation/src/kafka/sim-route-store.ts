import { type RouteStore } from '@tidemark/pipeline';
import { decodeRoute, type Route } from '@tidemark/protocol';
import { type Link } from '../network/link.js';
import { type SimKafka } from './sim-kafka.js';
import { SimRouteReader } from './sim-route-reader.js';

/** A dispatcher's view of the routing topic. */
export class SimRouteStore implements RouteStore {
  readonly #reader: SimRouteReader;

  constructor(kafka: SimKafka, link: Link) {
    this.#reader = new SimRouteReader(kafka, link, (value) => this.routeFrom(value));
  }

  open(onRoute: (route: Route) => void, onReset?: () => void): Promise<void> {
    return this.#reader.open(onRoute, onReset);
  }

  barrier(signal: AbortSignal): Promise<void> {
    return this.#reader.barrier(signal);
  }

  /** The route that a record holds. */
  routeFrom(value: Uint8Array | null): Route | undefined {
    const decoded = decodeRoute(value);
    return decoded.ok ? decoded.route : undefined;
  }

  positions(topic: string): readonly bigint[] {
    return this.#reader.positions(topic);
  }

  async close(): Promise<void> {
    this.#reader.close();
  }
}
