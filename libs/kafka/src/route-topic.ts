import { type RouteLog, type RouteLogHandler } from '@tidemark/control';
import { type RouteStore } from '@tidemark/pipeline';
import { decodeRoute, encodeRoute, type Route, type RouteResult } from '@tidemark/protocol';
import { silentLogger } from '@tidemark/runtime';
import { CompactedTopic, type CompactedTopicOptions } from './compacted-topic.js';

export type RouteTopicOptions = Omit<CompactedTopicOptions, 'topic'>;

/** The routing topic, for its readers and for its writer. */
export class RouteTopic implements RouteStore, RouteLog {
  readonly #options: RouteTopicOptions;
  readonly #topic: CompactedTopic<RouteResult>;

  constructor(options: RouteTopicOptions) {
    this.#options = options;
    this.#topic = new CompactedTopic({ ...options, topic: options.names.routes }, ({ value }) => decodeRoute(value));
  }

  /** With a function alone, unreadable records are logged and skipped. */
  open(handler: RouteLogHandler | ((route: Route) => void), onReset?: () => void): Promise<void> {
    const { onRoute, onUnreadable } = typeof handler === 'function' ? this.#readerOf(handler) : bound(handler);
    return this.#topic.open(
      (result) => (result.ok ? onRoute(result.route) : onUnreadable(result.reason, result.unsupported)),
      () => (typeof handler === 'function' ? onReset?.() : handler.onReset?.()),
    );
  }

  get problem(): string | undefined {
    return this.#topic.problem;
  }

  barrier(signal: AbortSignal): Promise<void> {
    return this.#topic.barrier(signal);
  }

  append(route: Route, signal: AbortSignal): Promise<void> {
    const value = Buffer.from(encodeRoute(route), 'utf8');
    return this.#topic.put({ key: route.table, value, header: null }, signal);
  }

  close(): Promise<void> {
    return this.#topic.close();
  }

  #readerOf(onRoute: (route: Route) => void): Reader {
    const { logger = silentLogger } = this.#options;
    const onUnreadable = (reason: string): void => logger.error({ reason }, 'kafka: skipped an unreadable route');
    return { onRoute, onUnreadable };
  }
}

interface Reader {
  readonly onRoute: (route: Route) => void;
  readonly onUnreadable: (reason: string, unsupported: boolean) => void;
}

function bound(handler: RouteLogHandler): Reader {
  return {
    onRoute: (route) => handler.onRoute(route),
    onUnreadable: (reason, unsupported) => handler.onUnreadable(reason, unsupported),
  };
}
