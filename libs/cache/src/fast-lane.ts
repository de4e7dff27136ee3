import { type CdcEvent, encodeEvent } from '@tidemark/protocol';
import { type Clock, type Logger, messageOf, type Metric, type MetricRegistry, thinned } from '@tidemark/runtime';
import { type EventPublisher } from './backend.js';

export interface FastLaneOptions {
  readonly publisher: EventPublisher;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** A larger value is left out of its event, and read by the pods that hold its key. Default 4,096. */
  readonly valueBytesMax?: number;
  /** Events on their way; a further one is left to the change log. Default 1,000. */
  readonly inFlightMax?: number;
  /** Time an event may take, ms. Default 2,000: later, the change log has brought it. */
  readonly timeoutMs?: number;
}

/**
 * Tells the region's pods of an acknowledged write at once, ahead of the change log. Only ever a head start: what is not sent, or lost,
 * or comes twice costs freshness by the second that the change log takes, and no put waits for it or fails by it.
 */
export class FastLane {
  readonly valueBytesMax: number;
  readonly #options: FastLaneOptions;
  readonly #published: Metric;
  readonly #skipped: Metric;
  readonly #failed: Metric;
  readonly #again: Pick<Logger, 'warn'>;
  #inFlight = 0;

  constructor(options: FastLaneOptions) {
    this.#options = options;
    this.#again = thinned(options.logger, options.clock);
    this.valueBytesMax = options.valueBytesMax ?? 4_096;
    const { metrics } = options;
    const help = 'Acknowledged writes by what became of their event on the fast lane.';
    this.#published = metrics.counter('tidemark_fast_lane_events_total', help, { result: 'published' });
    this.#skipped = metrics.counter('tidemark_fast_lane_events_total', help, { result: 'skipped' });
    this.#failed = metrics.counter('tidemark_fast_lane_events_total', help, { result: 'failed' });
  }

  /** Never throws, never waits. */
  publish(event: CdcEvent): void {
    const { publisher, inFlightMax = 1_000, timeoutMs = 2_000 } = this.#options;
    if (this.#inFlight >= inFlightMax) {
      this.#skipped.value += 1;
      return;
    }
    this.#inFlight += 1;
    publisher
      .publish(event.table, [encodeEvent(event)], { timeoutMs })
      .then(
        () => {
          this.#published.value += 1;
        },
        (error: unknown) => this.#onFailure(event.table, error),
      )
      .finally(() => {
        this.#inFlight -= 1;
      });
  }

  #onFailure(table: string, error: unknown): void {
    this.#failed.value += 1;
    this.#again.warn(
      { table, error: messageOf(error) },
      'fast lane: an event was not published; the change log brings it',
    );
  }
}
