import { type Route, targetsOf, type TopicLimit } from '@tidemark/protocol';
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

/** What each topic is limited to: services, buckets, or both. */
export type TopicFilters = Readonly<Record<string, Omit<TopicLimit, 'since'>>>;

/**
 * The route after a change. A topic that stays keeps its `since`, for it has carried the table without a break; a new one, one that was
 * removed and comes back, and one that carries other buckets than before, starts at this version, so that every pod flushes what it holds
 * from before. A route that is paused stays so while it lasts, a rewind also beyond its end; a move that is under way is over.
 */
export function nextRoute(
  current: Route | undefined,
  table: string,
  topics: readonly string[],
  stamp: RouteStamp,
  limited: TopicFilters = {},
): Route {
  const version = (current?.version ?? 0) + 1;
  const live = current === undefined || current.deleted ? undefined : current;
  const before = new Map(Object.entries(live?.topics ?? {}));
  const limits = Object.entries(limited).map(([topic, { services, buckets }]) => {
    const known = live?.limited?.[topic];
    const since = known !== undefined && sameSet(known.buckets, buckets) ? known.since : version;
    return [topic, { since, ...sortedField('services', services), ...sortedField('buckets', buckets) }] as const;
  });
  const deleted = topics.length + limits.length === 0;
  return {
    table,
    version,
    topics: Object.fromEntries(topics.map((topic) => [topic, before.get(topic) ?? version])),
    ...(limits.length === 0 ? {} : { limited: Object.fromEntries(limits) }),
    ...(deleted || live?.paused !== true ? {} : { paused: true }),
    ...lastRewind(current),
    deleted,
    ...stamp,
  };
}

/**
 * The last demand of a table's records. Every record carries it on, also one that deletes the route: partitions keep the id of the last one that they
 * have done, and one that did not go above it would be taken for done.
 */
export function lastRewind(...routes: readonly (Route | undefined)[]): Pick<Route, 'rewind'> {
  const [rewind] = routes.flatMap((route) => route?.rewind ?? []).sort((one, other) => other.id - one.id);
  return rewind === undefined ? {} : { rewind };
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
  const live = known === undefined || known.deleted ? undefined : known;
  return { ...afresh(live, version), ...lastRewind(known), table, version, deleted: live === undefined, ...stamp };
}

/** Where a route sends its table, with every topic starting at `version`. */
export function afresh(
  route: Route | undefined,
  version: number,
): Pick<Route, 'topics' | 'limited' | 'paused' | 'move'> {
  const { topics = {}, limited, paused, move } = route ?? {};
  const fresh = <T>(fields: Readonly<Record<string, T>>, of: (value: T) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(fields).map(([topic, value]) => [topic, of(value)]));
  return {
    topics: fresh(topics, () => version),
    ...(limited === undefined ? {} : { limited: fresh(limited, (limit) => ({ ...limit, since: version })) }),
    ...(paused === undefined ? {} : { paused }),
    ...(move === undefined ? {} : { move }),
  };
}

/** What changes between two routes of a table. */
export function routeDiff(current: Route | undefined, next: Route): RouteDiff {
  const before = topicsOf(current);
  const after = topicsOf(next);
  return {
    added: after.filter((topic) => !before.includes(topic)),
    kept: after.filter((topic) => before.includes(topic)),
    removed: before.filter((topic) => !after.includes(topic)),
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

function topicsOf(route: Route | undefined): readonly string[] {
  return route === undefined || route.deleted ? [] : targetsOf(route).map(({ topic }) => topic);
}

function sameSet(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return JSON.stringify(a && [...a].sort()) === JSON.stringify(b && [...b].sort());
}

function sortedField(name: 'services' | 'buckets', texts: readonly string[] | undefined): Partial<TopicLimit> {
  return texts === undefined ? {} : { [name]: [...texts].sort() };
}
