import { type PodProgress, type RouteLog, type RouteLogHandler, type TopicAdmin } from '@tidemark/control';
import { decodeRoute, encodeRoute, type PodReport, type Route } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { type Link } from '../network/link.js';
import { names } from '../world/names.js';
import { type SimKafka } from './sim-kafka.js';
import { type SimPodRegistry } from './sim-pod-registry.js';
import { SimRouteReader } from './sim-route-reader.js';

const callTimeoutMs = 2_000;
/** A pod that has said nothing for longer is not waited for, ms of the brokers' time. */
const silentMs = 10_000;

/** An admin's way to the routing topic. */
export class SimRouteLog implements RouteLog {
  readonly #kafka: SimKafka;
  readonly #link: Link;
  readonly #reader: SimRouteReader;

  constructor(kafka: SimKafka, link: Link) {
    this.#kafka = kafka;
    this.#link = link;
    this.#reader = new SimRouteReader(kafka, link, (value) => {
      const decoded = decodeRoute(value);
      return decoded.ok ? decoded.route : undefined;
    });
  }

  open(handler: RouteLogHandler): Promise<void> {
    return this.#reader.open(
      (route) => handler.onRoute(route),
      () => handler.onReset?.(),
    );
  }

  barrier(signal: AbortSignal): Promise<void> {
    return this.#reader.barrier(signal);
  }

  positions(topic: string): readonly bigint[] {
    return this.#reader.positions(topic);
  }

  /** Sent once, as the shipped one does: what has no answer may stand there all the same. */
  async append(route: Route, signal: AbortSignal): Promise<void> {
    const failed = (reason: string): Error => new TidemarkError('PUBLISH_FAILED', reason, { retriable: true });
    const record = { key: route.table, value: Buffer.from(encodeRoute(route)), header: null };
    await this.#link.call({
      ...{ what: 'write a route', signal, timeoutMs: callTimeoutMs, unsent: failed, unanswered: failed, told: true },
      serve: () => this.#kafka.append(names.routes, 0, record),
    });
  }

  async close(): Promise<void> {
    this.#reader.close();
  }
}

/** What an admin asks of topics. */
export class SimTopicAdmin implements TopicAdmin {
  readonly #kafka: SimKafka;
  readonly #link: Link;

  constructor(kafka: SimKafka, link: Link) {
    this.#kafka = kafka;
    this.#link = link;
  }

  partitionsOf(topic: string, signal: AbortSignal): Promise<number | undefined> {
    return this.#call(`count partitions of ${topic}`, signal, () =>
      this.#kafka.has(topic) ? this.#kafka.partitions(topic).length : undefined,
    );
  }

  create(topic: string, partitions: number, signal: AbortSignal): Promise<void> {
    return this.#call(`create ${topic}`, signal, () => {
      if (!this.#kafka.has(topic)) this.#kafka.createTopic(topic, partitions);
    });
  }

  #call<T>(what: string, signal: AbortSignal, serve: () => T): Promise<T> {
    const failed = (reason: string): Error => new TidemarkError('FEED_UNAVAILABLE', reason, { retriable: true });
    return this.#link.call({ what, signal, serve, timeoutMs: callTimeoutMs, unsent: failed, unanswered: failed });
  }
}

/** The reports of live pods, as the controller of moves reads them. */
export class SimPodProgress implements PodProgress {
  readonly #registry: Pick<SimPodRegistry, 'read'>;

  constructor(registry: Pick<SimPodRegistry, 'read'>) {
    this.#registry = registry;
  }

  async read(signal: AbortSignal): Promise<readonly PodReport[]> {
    const { now, pods } = await this.#registry.read({ timeoutMs: callTimeoutMs, signal });
    return pods.filter(({ at }) => at > now - silentMs).map(({ report }) => report);
  }
}
