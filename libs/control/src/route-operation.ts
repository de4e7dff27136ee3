import { isLive, type KeyRange, type Route, targetsOf } from '@tidemark/protocol';

import { nextRoute, routeNotFound, type RouteStamp, type TopicFilters } from './route-change.js';
import {
  invalidRoute,
  rewindProblem,
  type RouteLimits,
  type RouteProblem,
  routeProblem,
  type RouteRule,
  tableNameProblem,
  topicNameProblem,
} from './route-validation.js';

/** What can be done to a table's route. Each is one record, so whoever writes next finds all that there is to know in the last one. */
export type RouteOperation =
  /** These topics and no others; ends a move that is under way. */
  | { readonly type: 'put'; readonly topics: readonly string[]; readonly limited?: TopicFilters }
  | { readonly type: 'delete' }
  /** To one topic, by way of both: `{a}` → `{a, b}`, and `{b}` once `finish` comes. */
  | { readonly type: 'move'; readonly to: string }
  /** Gives up a move: `{a, b}` → `{a}`. */
  | { readonly type: 'roll-back' }
  /** Ends a move: `{a, b}` → `{b}`. */
  | { readonly type: 'finish' }
  /** The events wait in the table topic; every topic keeps its `since`. */
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** What came since `to`, ms since the epoch, is sent again, or of it only `keys`; takes the place of a rewind under way. */
  | { readonly type: 'rewind'; readonly to: number; readonly keys?: KeyRange };

export type RouteOperationType = RouteOperation['type'];

/** A move ends after this, whatever the pods say, ms; those that have not followed it then do with its topic's next watermark. */
export const moveMs = 60_000;

/**
 * The route after an operation; the very `current` where it is so already. Fails with `ROUTE_NOT_FOUND` or `ROUTE_INVALID` (rules `move-none`,
 * `move-to`, `rewind-to`).
 */
export function operated(
  current: Route | undefined,
  table: string,
  operation: RouteOperation,
  stamp: RouteStamp,
): Route {
  if (operation.type === 'put') return put(current, table, operation, stamp);
  if (current === undefined || !isLive(current)) throw routeNotFound(table);
  switch (operation.type) {
    case 'delete':
      return nextRoute(current, table, [], stamp);
    case 'move':
      return begun(current, operation.to, stamp);
    case 'roll-back':
      return ended(current, stamp, ({ from }) => from);
    case 'finish':
      return ended(current, stamp, ({ to }) => [to]);
    case 'pause':
      return current.paused === true ? current : { ...current, ...nextOf(current, stamp), paused: true };
    case 'resume':
      return resumed(current, stamp);
    case 'rewind':
      return toBeRewound(current, operation, stamp);
  }
}

/** The first rule that an operation breaks as far as what it says tells, whatever route there is. */
export function operationProblem(
  table: string,
  operation: RouteOperation,
  limits: RouteLimits,
): RouteProblem | undefined {
  if (operation.type === 'put') return routeProblem(table, operation.topics, limits, operation.limited);
  const problem = tableNameProblem(table);
  if (problem !== undefined) return problem;
  if (operation.type === 'move') return topicNameProblem('to', operation.to, limits);
  return operation.type === 'rewind' ? rewindProblem(operation) : undefined;
}

/** Topics that an operation names and that must therefore be there; those of a route that stands are its dispatchers' business. */
export function namedTopics(operation: RouteOperation): readonly string[] {
  if (operation.type === 'put') return [...operation.topics, ...Object.keys(operation.limited ?? {})];
  return operation.type === 'move' ? [operation.to] : [];
}

function put(
  current: Route | undefined,
  table: string,
  { topics, limited }: RouteOperation & { readonly type: 'put' },
  stamp: RouteStamp,
): Route {
  const next = nextRoute(current, table, topics, stamp, limited);
  const isSame = current !== undefined && isLive(current) && current.move === undefined && sameTargets(current, next);
  return isSame ? current : next;
}

function begun(current: Route, to: string, stamp: RouteStamp): Route {
  const { move, topics, limited = {} } = current;
  if (move?.to === to) return current;
  if (move !== undefined) throw refused('move-to', `the table moves to ${move.to} already; roll that back first`);
  if (Object.hasOwn(limited, to)) throw refused('move-to', `${to} is limited to some; put it without its limits first`);
  const from = Object.keys(topics).sort();
  if (from.length === 1 && from[0] === to) return current;
  const next = { ...current, ...nextOf(current, stamp) };
  // Last of all, for pods follow the topic that was added last: where it stood already, it comes back anew.
  return {
    ...next,
    topics: { ...topics, [to]: next.version },
    move: { to, from, until: stamp.changedAt + moveMs },
  };
}

function ended(
  current: Route,
  stamp: RouteStamp,
  kept: (move: NonNullable<Route['move']>) => readonly string[],
): Route {
  const { move, topics } = current;
  if (move === undefined) throw refused('move-none', 'the table does not move');
  const { move: _move, ...still } = current;
  const names = kept(move);
  const left = Object.entries(topics).filter(([topic]) => names.includes(topic));
  return { ...still, ...nextOf(current, stamp), topics: Object.fromEntries(left) };
}

/** A move has its whole time again: pods could not follow it meanwhile. */
function resumed(current: Route, stamp: RouteStamp): Route {
  if (current.paused !== true) return current;
  const { paused: _paused, ...still } = current;
  const { move } = current;
  const again = move === undefined ? {} : { move: { ...move, until: stamp.changedAt + moveMs } };
  return { ...still, ...nextOf(current, stamp), ...again };
}

/** Ids rise with the clock, so that they do even where the routing topic is lost and its versions begin anew. */
function toBeRewound(
  current: Route,
  { to, keys }: RouteOperation & { readonly type: 'rewind' },
  stamp: RouteStamp,
): Route {
  if (to > stamp.changedAt) {
    const message = `expected a time in the past, got ${new Date(Math.min(to, lastDateMs)).toISOString()}`;
    throw invalidRoute({ field: 'to', rule: 'rewind-to', message });
  }
  const id = Math.max(stamp.changedAt, (current.rewind?.id ?? 0) + 1);
  return { ...current, ...nextOf(current, stamp), rewind: { id, to, ...(keys === undefined ? {} : { keys }) } };
}

const lastDateMs = 8.64e15;

function nextOf({ version }: Route, stamp: RouteStamp): RouteStamp & Pick<Route, 'version'> {
  return { version: version + 1, ...stamp };
}

function sameTargets(a: Route, b: Route): boolean {
  const shown = (route: Route): string =>
    JSON.stringify(targetsOf(route).map(({ topic, since, services, buckets }) => [topic, since, services, buckets]));
  return shown(a) === shown(b) && limitedOf(a) === limitedOf(b);
}

function limitedOf({ limited = {} }: Route): string {
  return Object.keys(limited).sort().join(' ');
}

function refused(rule: RouteRule, message: string): Error {
  return invalidRoute({ field: rule === 'move-to' ? 'to' : 'move', rule, message });
}
