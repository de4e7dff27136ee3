import { type Route } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';

/** What a change does to the topics of a table, each list sorted. */
export interface RouteDiff {
  readonly added: readonly string[];
  readonly kept: readonly string[];
  readonly removed: readonly string[];
}

/** One change of one route, made or, after a dry run, only worked out. */
export interface RouteChange {
  readonly previous: Route | null;
  readonly route: Route;
  readonly diff: RouteDiff;
  /** `false` after a dry run, and when the route was already as asked for. */
  readonly written: boolean;
}

/** What the caller has seen: the version to replace, or `none` to create where no route stands. */
export type RoutePrecondition = number | 'none';

/** Who writes, and when. */
export interface RouteStamp {
  readonly writerEpoch: number;
  /** Ms since the epoch. */
  readonly changedAt: number;
  readonly changedBy: string;
}

/**
 * The route after a change. A topic that stays keeps its `since`, for it has carried the table without a break; a new one, and one that
 * was removed and comes back, starts at this version, so that every pod flushes what it holds from before.
 */
export function nextRoute(
  current: Route | undefined,
  table: string,
  topics: readonly string[],
  stamp: RouteStamp,
): Route {
  const version = (current?.version ?? 0) + 1;
  const before = liveTopics(current);
  return {
    table,
    version,
    topics: Object.fromEntries(topics.map((topic) => [topic, before.get(topic) ?? version])),
    deleted: topics.length === 0,
    ...stamp,
  };
}

/**
 * A record that puts right what a second writer broke: above both versions, and with a fresh `since` everywhere, because nobody can tell
 * which dispatcher followed which of the two for how long. A table that only the other writer knew is deleted.
 */
export function repairedRoute(
  table: string,
  known: Route | undefined,
  foreignVersion: number,
  stamp: RouteStamp,
): Route {
  const version = Math.max(known?.version ?? 0, foreignVersion) + 1;
  const topics = [...liveTopics(known).keys()];
  return {
    table,
    version,
    topics: Object.fromEntries(topics.map((topic) => [topic, version])),
    deleted: topics.length === 0,
    ...stamp,
  };
}

export function routeDiff(current: Route | undefined, topics: readonly string[]): RouteDiff {
  const before = liveTopics(current);
  const sorted = [...topics].sort();
  return {
    added: sorted.filter((topic) => !before.has(topic)),
    kept: sorted.filter((topic) => before.has(topic)),
    removed: [...before.keys()].filter((topic) => !topics.includes(topic)).sort(),
  };
}

/** Throws `ROUTE_NOT_FOUND` or `ROUTE_CONFLICT` (its context holds `currentVersion`) unless the table's route is what the caller saw. */
export function checkPrecondition(table: string, current: Route | undefined, expected: RoutePrecondition): void {
  const live = current !== undefined && !current.deleted;
  if (expected === 'none') {
    if (live)
      throw conflict(table, expected, current.version, `${table} has a route already, version ${current.version}`);
    return;
  }
  if (!live) throw routeNotFound(table);
  if (current.version !== expected) {
    throw conflict(table, expected, current.version, `${table} is at version ${current.version}, not ${expected}`);
  }
}

export function routeNotFound(table: string): TidemarkError {
  return new TidemarkError('ROUTE_NOT_FOUND', `${table} has no route`, { retriable: false, context: { table } });
}

function conflict(table: string, expected: RoutePrecondition, currentVersion: number, message: string): TidemarkError {
  return new TidemarkError('ROUTE_CONFLICT', message, {
    retriable: false,
    context: { table, reason: 'version', expected, currentVersion },
  });
}

function liveTopics(route: Route | undefined): ReadonlyMap<string, number> {
  return new Map(route === undefined || route.deleted ? [] : Object.entries(route.topics));
}
