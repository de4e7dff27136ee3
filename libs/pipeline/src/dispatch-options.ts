import { type TopicNames, topicNames } from '@tidemark/protocol';
import {
  type Clock,
  type Logger,
  type MetricRegistry,
  silentLogger,
  systemClock,
  TidemarkError,
} from '@tidemark/runtime';

import { type EventSink, type EventSource, type RouteStore } from './ports.js';

export interface DispatcherOptions {
  readonly source: EventSource;
  readonly sink: EventSink;
  readonly routes: RouteStore;
  /** Default: the names under the prefix `tidemark`. */
  readonly names?: TopicNames;
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
  /** Most records in one send, 1 to 1,000. Default 500. */
  readonly chunkRecordsMax?: number;
  /** Time between the watermarks that it sends by itself, ms. Default 1,000. */
  readonly announceIntervalMs?: number;
  /** Time between looks at all topics: new tables, missing targets, partition counts, ms. Default 10,000. */
  readonly refreshIntervalMs?: number;
  /** Attempts to send one chunk before its partition is held until the next look at the topics. Default 5. */
  readonly publishAttemptsMax?: number;
  /** Longest delay between two attempts, ms. Default 2,000. */
  readonly retryMaxMs?: number;
  /** Bound on one question to the brokers, ms. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** How long `stop` waits for the batches in hand before it gives them back, ms. Default 5,000. */
  readonly drainTimeoutMs?: number;
}

export type ResolvedDispatcherOptions = Required<Omit<DispatcherOptions, 'metrics'>>;

const numberLimits = {
  chunkRecordsMax: { default: 500, max: 1_000 },
  announceIntervalMs: { default: 1_000, max: 60_000 },
  refreshIntervalMs: { default: 10_000, max: 600_000 },
  publishAttemptsMax: { default: 5, max: 1_000 },
  retryMaxMs: { default: 2_000, max: 60_000 },
  requestTimeoutMs: { default: 10_000, max: 60_000 },
  drainTimeoutMs: { default: 5_000, max: 60_000 },
} as const;

type NumberField = keyof typeof numberLimits;

/** Fills in the defaults; throws `INVALID_OPTIONS` naming the field. */
export function resolveDispatcherOptions(options: DispatcherOptions): ResolvedDispatcherOptions {
  const numbers = Object.fromEntries(
    (Object.keys(numberLimits) as NumberField[]).map((field) => [field, numberOf(field, options[field])]),
  ) as Record<NumberField, number>;
  return {
    source: options.source,
    sink: options.sink,
    routes: options.routes,
    names: options.names ?? topicNames(),
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    random: options.random ?? Math.random,
    ...numbers,
  };
}

function numberOf(field: NumberField, given: number | undefined): number {
  const { default: standard, max } = numberLimits[field];
  const value = given ?? standard;
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  const message = `${field}: expected a whole number from 1 to ${max}, got ${value}`;
  throw new TidemarkError('INVALID_OPTIONS', message, { retriable: false, context: { field, got: value } });
}
