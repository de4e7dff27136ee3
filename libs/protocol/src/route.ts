import { checkVersion } from './format-version.js';
import { isLimits, isMove, isRewind, isTopics } from './route-fields.js';

/** Where a table's events go: one record of the routing topic, whose key is the table. */
export interface Route {
  readonly table: string;
  /** Grows by one with every change of this table's route, deletions included. */
  readonly version: number;
  /** Grows with every writer of the routing table; a record of a lower epoch than one already seen is a zombie's. */
  readonly writerEpoch: number;
  /** Topic → since which version of this route it has carried the whole table, for everybody, without a break. Empty when deleted. */
  readonly topics: Readonly<Record<string, number>>;
  /** Topics that carry it for some services, or some of its keys, alone. Readers of format 1.0 know nothing of them. Default none. */
  readonly limited?: Readonly<Record<string, TopicLimit>>;
  /** The table's events wait in its table topic, and nothing is said of how far they are. Default: they do not. */
  readonly paused?: true;
  /** It is on its way to one of `topics`. Default: it is not. */
  readonly move?: RouteMove;
  /** Its dispatchers go back, once each partition. Readers of formats before 1.2 know nothing of it. Default: they never had to. */
  readonly rewind?: RouteRewind;
  readonly deleted: boolean;
  /** Ms since the epoch. */
  readonly changedAt: number;
  readonly changedBy: string;
}

/** What a topic carries of a table, and for whom. */
export interface TopicLimit {
  /** Since which version it has carried just that without a break. */
  readonly since: number;
  /** Names of the services whose pods may follow it. Default: every service. */
  readonly services?: readonly string[];
  /** Buckets of the keys that it carries. Default: every bucket. */
  readonly buckets?: readonly string[];
}

/** A move under way: the table goes to `to` as well as to `from`, until every live pod follows `to`. */
export interface RouteMove {
  readonly to: string;
  /** The topics from before it, kept when it is rolled back; all but `to` are given up at its end. */
  readonly from: readonly string[];
  /** When it ends whatever the pods say, ms since the epoch. */
  readonly until: number;
}

/** A demand to send again what was sent already. It stays in the record: what was done of it is told by each partition's committed offset. */
export interface RouteRewind {
  /** Names the demand, and is higher than that of any before it. */
  readonly id: number;
  /** From the first record on that reached the table topic then or later, ms since the epoch. */
  readonly to: number;
  /** Only keys in this range. Default: all. */
  readonly keys?: KeyRange;
}

/** Item keys from `from` on, up to but without `to`, in the order of their UTF-8 bytes. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

/** A topic that gets a table's events. */
export interface RouteTarget extends TopicLimit {
  readonly topic: string;
}

/** Who follows a table: a pod of a service, which holds keys of some buckets. */
export interface RouteFollower {
  readonly service: string;
  readonly buckets: readonly string[];
}

export type RouteResult =
  | { readonly ok: true; readonly route: Route }
  | { readonly ok: false; readonly reason: string; readonly unsupported: boolean };

/**
 * A deleted route stays as a record: an expired null would leave an empty batch at the topic's end, which stalls its readers. A later format
 * is written only where one of its fields is needed.
 */
export function encodeRoute(route: Route): string {
  const { table, version, writerEpoch, topics, deleted, changedAt, changedBy } = route;
  const added = addedIn(route);
  const v = added.rewind !== undefined ? '1.2' : Object.keys(added).length > 0 ? '1.1' : '1.0';
  const plain = { v, table, version, writerEpoch, topics: sorted(topics), deleted, changedAt, changedBy };
  return JSON.stringify({ ...plain, ...added });
}

/** Reads a record of the routing topic; never throws. */
export function decodeRoute(bytes: Uint8Array | string | null): RouteResult {
  const raw = parseObject(bytes);
  if (raw === undefined) return { ok: false, reason: 'expected a JSON object', unsupported: false };
  const check = checkVersion(raw['v'], 1);
  if (!check.readable) return { ok: false, reason: `format version ${check.version}`, unsupported: true };
  const problem = routeProblem(raw);
  if (problem !== undefined) return { ok: false, reason: problem, unsupported: false };
  const route = raw as unknown as Route;
  const { table, version, writerEpoch, topics, deleted, changedAt, changedBy } = route;
  const plain = { table, version, writerEpoch, topics, deleted, changedAt, changedBy };
  return { ok: true, route: { ...plain, ...addedIn(route) } };
}

/** Every topic that gets the table's events, limited or not, sorted. */
export function targetsOf(route: Route | undefined): readonly RouteTarget[] {
  const everything = Object.entries(route?.topics ?? {}).map(([topic, since]): RouteTarget => ({ topic, since }));
  const limited = Object.entries(route?.limited ?? {})
    .filter(([topic]) => !Object.hasOwn(route?.topics ?? {}, topic))
    .map(([topic, limit]): RouteTarget => ({ topic, ...limit }));
  return [...everything, ...limited].sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

/** Whether the table's events go anywhere. */
export function isLive(route: Route): boolean {
  return !route.deleted && targetsOf(route).length > 0;
}

/**
 * The topic that a pod follows: of those that carry its service and all of its buckets the one added last; of two added at once, the first by
 * name. Without a follower: what a pod follows that no limited topic is for.
 */
export function followedTopic(route: Route | undefined, follower?: RouteFollower): string | undefined {
  let best: RouteTarget | undefined;
  for (const target of targetsOf(route))
    if (carries(target, follower) && (best === undefined || target.since > best.since)) best = target;
  return best?.topic;
}

/** Whether a topic is for a pod: for its service, with all of its buckets. Without a follower: whether it is for everybody. */
export function carries({ services, buckets }: RouteTarget, follower: RouteFollower | undefined): boolean {
  if (services !== undefined && (follower === undefined || !services.includes(follower.service))) return false;
  if (buckets === undefined) return true;
  return follower !== undefined && follower.buckets.every((bucket) => buckets.includes(bucket));
}

function parseObject(bytes: Uint8Array | string | null): Record<string, unknown> | undefined {
  if (bytes === null) return undefined;
  try {
    const raw: unknown = JSON.parse(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8'));
    return typeof raw === 'object' && raw !== null && !Array.isArray(raw)
      ? (raw as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Of versions and writers: more than there will ever be, and so far below what a number can count that no count above it is reached by going on from it. */
const routeCountMax = 1_000_000_000_000;

function routeProblem(raw: Record<string, unknown>): string | undefined {
  const { table, version, writerEpoch, topics, deleted, changedAt, changedBy } = raw;
  if (typeof table !== 'string' || table === '') return 'table: expected a string';
  for (const [name, n] of Object.entries({ version, writerEpoch, changedAt }))
    if (!Number.isSafeInteger(n) || (n as number) < 0) return `${name}: expected a whole number`;
  for (const [name, n] of Object.entries({ version, writerEpoch }))
    if ((n as number) > routeCountMax) return `${name}: expected at most ${routeCountMax}`;
  if (typeof deleted !== 'boolean') return 'deleted: expected a boolean';
  if (typeof changedBy !== 'string') return 'changedBy: expected a string';
  return isTopics(topics) ? addedProblem(raw) : 'topics: expected an object of whole numbers';
}

function addedProblem({ limited, paused, move, rewind }: Record<string, unknown>): string | undefined {
  if (limited !== undefined && !isLimits(limited)) return 'limited: expected an object of limits with their since';
  if (paused !== undefined && paused !== true) return 'paused: expected true, or nothing';
  if (move !== undefined && !isMove(move)) return 'move: expected to, from and until';
  return rewind === undefined || isRewind(rewind) ? undefined : 'rewind: expected id and to, and keys or none';
}

/** What formats 1.1 and 1.2 added. */
function addedIn({ limited, paused, move, rewind }: Route): Pick<Route, 'limited' | 'paused' | 'move' | 'rewind'> {
  return {
    ...(limited === undefined ? {} : { limited: sorted(limited, encodedLimit) }),
    ...(paused === undefined ? {} : { paused }),
    ...(move === undefined ? {} : { move: { to: move.to, from: move.from, until: move.until } }),
    ...(rewind === undefined ? {} : { rewind: encodedRewind(rewind) }),
  };
}

function encodedRewind({ id, to, keys }: RouteRewind): RouteRewind {
  return { id, to, ...(keys === undefined ? {} : { keys: { from: keys.from, to: keys.to } }) };
}

function encodedLimit({ since, services, buckets }: TopicLimit): TopicLimit {
  return {
    since,
    ...(services === undefined ? {} : { services }),
    ...(buckets === undefined ? {} : { buckets }),
  };
}

function sorted<T>(fields: Readonly<Record<string, T>>, of: (value: T) => T = (value) => value): Record<string, T> {
  return Object.fromEntries(
    Object.entries(fields)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, of(value)]),
  );
}
