import { type CallWatch } from './call-watch.js';
import { DestinationWatch } from './destination-watch.js';
import { type HoleFlush } from './hole-flush.js';
import { type Retry, type RetryObserver } from './retry.js';
import { type SyncMetrics } from './sync-metrics.js';
import { type ResolvedSyncOptions } from './sync-options.js';
import { type TablePublisher } from './table-publisher.js';

export interface WatchDestinationsPorts {
  readonly options: ResolvedSyncOptions;
  readonly metrics: SyncMetrics;
  readonly calls: CallWatch;
  readonly observer: RetryObserver;
  readonly publisher: TablePublisher;
  readonly holes: HoleFlush;
  readonly publishing: () => Retry;
  readonly stopReading: AbortSignal;
}

/** A worker's watch of its tables' streaming destinations; `undefined`: nobody looks at them. */
export function watchDestinations(ports: WatchDestinationsPorts): DestinationWatch | undefined {
  const { options, publisher, holes, publishing, stopReading } = ports;
  const { destinations, destinationEveryMs, leaseTimeoutMs } = options;
  if (destinations === undefined) return undefined;
  return new DestinationWatch({
    ...options,
    ...destinations,
    metrics: ports.metrics,
    calls: ports.calls,
    observer: ports.observer,
    signal: stopReading,
    everyMs: destinationEveryMs,
    timeoutMs: leaseTimeoutMs,
    flushTable: (table, reason) => publisher.flushTable(table, reason, publishing()),
    flushAll: async (reason) => {
      await holes.cover(holes.open(reason), publishing().signal);
      return holes.skipped.map(({ table }) => table);
    },
  });
}
