import { type RouteHistoryEntry, type TopicNames, topicNames } from '@tidemark/protocol';
import {
  type Clock,
  type Logger,
  type MetricRegistry,
  silentLogger,
  systemClock,
  TidemarkError,
} from '@tidemark/runtime';

import { type RouteLog, type TopicAdmin, type WriterElection } from './ports.js';
import { type RoutePrecondition, type TopicFilters } from './route-change.js';

export interface RoutingTableOptions {
  readonly log: RouteLog;
  readonly topics: TopicAdmin;
  /** Started by `open`, closed by `close`. Default: none, and this process writes as soon as it has read the log. */
  readonly election?: WriterElection | undefined;
  /** Told of each change of this process once it stands; must not throw. Default: nobody is. */
  readonly onChanged?: ((entry: RouteHistoryEntry) => void) | undefined;
  /** Default: the names under the prefix `tidemark`. */
  readonly names?: TopicNames;
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
  /** Topics outside `<prefix>.cache.` that may be targets; an expression must match the whole name. Default: none. */
  readonly allowedTopics?: readonly RegExp[];
  /** Most topics of one table. Default 10. */
  readonly topicsMax?: number;
  /** Most live routes. Default 1,000. */
  readonly tablesMax?: number;
  /** Whether a put creates the topics that are missing. Default true. */
  readonly createTopics?: boolean;
  /** Partition count of a table topic that a put creates. Default 4. */
  readonly tablePartitions?: number;
  /** Records kept in memory per table for `history`. Default 50. */
  readonly historyMax?: number;
  /** Bound on one change, its wait in the queue included, ms. Default 10,000. */
  readonly timeoutMs?: number;
  /** Most changes waiting; more are refused with `QUEUE_FULL`. Default 32. */
  readonly pendingMax?: number;
  /** Delay before a repair that failed is tried again, ms. Default 5,000. */
  readonly repairRetryMs?: number;
}

export interface ChangeOptions {
  /** The version to replace, or `none` to create where no route stands. */
  readonly ifMatch: RoutePrecondition;
  /** Who asks for it; 1 to 64 printable ASCII characters. */
  readonly actor: string;
  /** Works everything out and changes nothing, topics included. Default false. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** Topics of a put that are not for everybody. */
export interface PutLimits {
  /** Topic → the services it is for, the buckets it carries. Default none. */
  readonly limited?: TopicFilters;
}

/** Whether this process may change routes, and why not. */
export type WriterState =
  | { readonly type: 'closed' }
  | { readonly type: 'writer'; readonly epoch: number }
  /** Another process is elected, or it is not decided yet; `leader`: who it is, where that is known. */
  | { readonly type: 'standby'; readonly leader?: string }
  /** Another writer has opened the table since. */
  | { readonly type: 'superseded'; readonly byEpoch: number }
  /** The log holds records of a newer major version: what they say must not be overwritten blindly. */
  | { readonly type: 'unsupported'; readonly reason: string };

export type ResolvedRoutingTableOptions = Required<Omit<RoutingTableOptions, 'metrics' | 'election' | 'onChanged'>> & {
  readonly election: WriterElection | undefined;
  readonly onChanged: (entry: RouteHistoryEntry) => void;
};

/** Fills in the defaults; throws `INVALID_OPTIONS` naming the field. */
export function resolveRoutingTableOptions(options: RoutingTableOptions): ResolvedRoutingTableOptions {
  const resolved = {
    log: options.log,
    topics: options.topics,
    election: options.election,
    onChanged: options.onChanged ?? (() => undefined),
    names: options.names ?? topicNames(),
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    allowedTopics: options.allowedTopics ?? [],
    createTopics: options.createTopics ?? true,
  };
  return { ...resolved, ...resolveNumbers(options) };
}

const numberDefaults = {
  topicsMax: 10,
  tablesMax: 1_000,
  tablePartitions: 4,
  historyMax: 50,
  timeoutMs: 10_000,
  pendingMax: 32,
  repairRetryMs: 5_000,
} as const;

function resolveNumbers(options: RoutingTableOptions): Record<keyof typeof numberDefaults, number> {
  const resolved: Record<keyof typeof numberDefaults, number> = { ...numberDefaults };
  for (const field of Object.keys(numberDefaults) as (keyof typeof numberDefaults)[]) {
    const got = options[field] ?? numberDefaults[field];
    if (!Number.isSafeInteger(got) || got < 1) {
      throw new TidemarkError('INVALID_OPTIONS', `${field}: expected a whole number above 0, got ${got}`, {
        retriable: false,
        context: { field, got },
      });
    }
    resolved[field] = got;
  }
  return resolved;
}
