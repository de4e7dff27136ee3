import { type FoundTopic } from '@tidemark/kafka';
import { isLive, type Route, tableOfCdcTopic, targetsOf, type TopicNames } from '@tidemark/protocol';
import { type Check, type Finding, hidden, ok, problem, skipped, warning } from '../finding.js';
import { type ProcessRole } from '../role-needs.js';

/** The routing table as the topic holds it. */
export interface RouteFacts {
  /** The last record of each table. */
  readonly routes: readonly Route[];
  /** Why a record could not be read. */
  readonly unreadable: readonly string[];
  /** What this principal may not do with the routing topic, which was not read for that. */
  readonly refused?: 'Describe' | 'Read';
}

export interface RouteView {
  readonly topics: readonly FoundTopic[];
  /** Topics that this principal may not see. */
  readonly hidden: readonly string[];
  readonly role: ProcessRole | undefined;
}

/** Whether routes and topics fit each other. Sync knows of no route. */
export function routesCheck(
  names: TopicNames,
  factsOf: (signal: AbortSignal) => Promise<RouteFacts>,
  viewOf: (signal: AbortSignal) => Promise<Omit<RouteView, 'role'>>,
  role: ProcessRole | undefined,
): Check {
  return {
    name: 'routes',
    run: async (signal) =>
      role === 'sync'
        ? [skipped(names.routes, 'sync has nothing to do with it')]
        : routeFindings(names, await factsOf(signal), { ...(await viewOf(signal)), role }),
  };
}

export function routeFindings(
  names: TopicNames,
  { routes, unreadable, refused }: RouteFacts,
  view: RouteView,
): readonly Finding[] {
  if (refused !== undefined) return [hidden(names.routes, view.role, refused)];
  const { topics } = view;
  const counts = new Map(topics.map(({ topic, partitions }) => [topic, partitions]));
  const live = routes.filter(isLive);
  const routed = new Set(live.map(({ table }) => table));
  return [
    ...unreadable.map((reason) =>
      problem(
        names.routes,
        `a record cannot be read: ${reason}`,
        'upgrade, where a newer release wrote it; else put that table’s route again',
      ),
    ),
    ...live.flatMap((route) => findingsOf(route, counts, names, view)),
    ...topics.flatMap(({ topic }) => {
      const table = tableOfCdcTopic(names, topic);
      return table === undefined || routed.has(table) ? [] : [unrouted(table, topic)];
    }),
  ];
}

function unrouted(table: string, topic: string): Finding {
  return warning(
    table,
    `has ${topic} and no route: its events wait, and pods read through`,
    `PUT /api/v1/routes/${table} at admin, before the topic’s retention ends`,
  );
}

function findingsOf(
  route: Route,
  counts: ReadonlyMap<string, number>,
  names: TopicNames,
  { hidden: unseen, role }: RouteView,
): Finding[] {
  const { table } = route;
  const targets = targetsOf(route).map(({ topic }) => topic);
  const cdc = names.cdc(table);
  if (unseen.includes(cdc)) return [hidden(cdc, role)];
  const partitions = counts.get(cdc);
  if (partitions === undefined)
    return [
      problem(
        table,
        `has a route, and no table topic ${cdc}`,
        'make it, or let sync make it: it may lack the permission',
      ),
    ];
  const wrong = targets.flatMap((topic) => {
    const count = counts.get(topic);
    if (count === partitions) return [];
    if (unseen.includes(topic)) return [hidden(topic, role)];
    if (count === undefined)
      return [
        problem(table, `goes to ${topic}, which is missing: the table waits`, `make it with ${partitions} partitions`),
      ];
    const message = `goes to ${topic}, which has ${count} partitions; ${cdc} has ${partitions}: the table waits`;
    return [problem(table, message, 'route it to a topic of another name with as many partitions')];
  });
  if (wrong.length > 0) return wrong;
  if (route.paused === true)
    return [
      warning(
        table,
        'is paused: its events wait, and pods grow stale',
        'resume it at admin, before the topic’s retention ends',
      ),
    ];
  return [ok(table, `version ${route.version}, to ${targets.join(', ')}`)];
}
