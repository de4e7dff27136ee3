import { encodeRoute, type Route, targetsOf } from '@tidemark/protocol';

import { afresh, lastRewind, type RouteStamp } from './route-change.js';
import { type RouteLimits, type RouteProblem, tableNameProblem, topicNameProblem } from './route-validation.js';

/** The routing table, to be kept elsewhere and written anew where its topic is lost. */
export interface RouteDump {
  /** The highest writer epoch that readers may remember. */
  readonly writerEpoch: number;
  /** Ms since the epoch. */
  readonly exportedAt: number;
  /** The last record of every table, deletions included. */
  readonly routes: readonly Route[];
}

export interface ImportOptions {
  /** Who asks for it; 1 to 64 printable ASCII characters. */
  readonly actor: string;
  readonly signal?: AbortSignal;
}

/** What came of an import, by table. */
export interface RouteImport {
  readonly restored: readonly string[];
  /** There already. */
  readonly kept: readonly string[];
}

/** What writes exported routes: a `RoutingTable`. */
export interface RouteRestorer {
  restore(dumped: Route, writerEpoch: number, options: ImportOptions): Promise<boolean>;
}

/**
 * Writes the routes of an export that are missing in a table, with a higher version and a fresh `since`, under an epoch above that of the export,
 * so that readers that remember it take them. What stands there with a version above the exported one stays. After a failure the same call
 * writes the rest. Fails as `put` does.
 */
export async function importRoutes(
  table: RouteRestorer,
  { writerEpoch, routes }: Omit<RouteDump, 'exportedAt'>,
  options: ImportOptions,
): Promise<RouteImport> {
  const restored: string[] = [];
  const kept: string[] = [];
  for (const route of routes) {
    const written = await table.restore(route, writerEpoch, options);
    (written ? restored : kept).push(route.table);
  }
  return { restored, kept };
}

/** Whether an exported route must be written: nothing above it stands, or the log has lost what does. */
export function isMissing(dumped: Route, current: Route | undefined, isLost: boolean): boolean {
  if (current === undefined || isLost) return true;
  return current.version <= dumped.version && encodeRoute(current) !== encodeRoute(dumped);
}

/** An exported route as it is written anew: above both versions, and flushing everywhere, for nobody can tell what went where meanwhile. */
export function restoredRoute(dumped: Route, current: Route | undefined, stamp: RouteStamp): Route {
  const version = Math.max(dumped.version, current?.version ?? 0) + 1;
  const { table, deleted } = dumped;
  const live = deleted ? undefined : dumped;
  return { ...afresh(live, version), ...lastRewind(dumped, current), table, version, deleted, ...stamp };
}

/** The first rule that an exported route breaks. */
export function dumpedProblem(route: Route, limits: RouteLimits): RouteProblem | undefined {
  const problem = tableNameProblem(route.table);
  if (problem !== undefined) return problem;
  const targets = targetsOf(route);
  if (targets.length > limits.topicsMax)
    return {
      field: `routes.${route.table}.topics`,
      rule: 'topics-max',
      message: `expected at most ${limits.topicsMax} topics, got ${targets.length}`,
    };
  for (const { topic } of targets) {
    const wrong = topicNameProblem(`routes.${route.table}.topics.${topic}`, topic, limits);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
