import { checkVersion } from './format-version.js';

/** Where a table's events go: one record of the routing topic, whose key is the table. */
export interface Route {
  readonly table: string;
  /** Grows by one with every change of this table's route, deletions included. */
  readonly version: number;
  /** Grows with every writer of the routing table; a record of a lower epoch than one already seen is a zombie's. */
  readonly writerEpoch: number;
  /** Topic → since which version of this route it has carried the table without a break. Empty when deleted. */
  readonly topics: Readonly<Record<string, number>>;
  readonly deleted: boolean;
  /** Ms since the epoch. */
  readonly changedAt: number;
  readonly changedBy: string;
}

export type RouteResult =
  | { readonly ok: true; readonly route: Route }
  | { readonly ok: false; readonly reason: string; readonly unsupported: boolean };

/** A deleted route stays as a record: an expired null would leave an empty batch at the topic's end, which stalls its readers. */
export function encodeRoute(route: Route): string {
  const { table, version, writerEpoch, topics, deleted, changedAt, changedBy } = route;
  const sorted = Object.fromEntries(Object.entries(topics).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify({ v: '1.0', table, version, writerEpoch, topics: sorted, deleted, changedAt, changedBy });
}

/** Reads a record of the routing topic; never throws. */
export function decodeRoute(bytes: Uint8Array | string | null): RouteResult {
  const raw = parseObject(bytes);
  if (raw === undefined) return { ok: false, reason: 'expected a JSON object', unsupported: false };
  const check = checkVersion(raw['v'], 1);
  if (!check.readable) return { ok: false, reason: `format version ${check.version}`, unsupported: true };
  const problem = routeProblem(raw);
  if (problem !== undefined) return { ok: false, reason: problem, unsupported: false };
  const { table, version, writerEpoch, topics, deleted, changedAt, changedBy } = raw as unknown as Route;
  return { ok: true, route: { table, version, writerEpoch, topics, deleted, changedAt, changedBy } };
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

function routeProblem(raw: Record<string, unknown>): string | undefined {
  const { table, version, writerEpoch, topics, deleted, changedAt, changedBy } = raw;
  if (typeof table !== 'string' || table === '') return 'table: expected a string';
  for (const [name, n] of Object.entries({ version, writerEpoch, changedAt }))
    if (!Number.isSafeInteger(n) || (n as number) < 0) return `${name}: expected a whole number`;
  if (typeof deleted !== 'boolean') return 'deleted: expected a boolean';
  if (typeof changedBy !== 'string') return 'changedBy: expected a string';
  return isTopics(topics) ? undefined : 'topics: expected an object of whole numbers';
}

/** The topic a pod follows: the one added last; of two added at once, the first by name. */
export function followedTopic(route: Route | undefined): string | undefined {
  let best: string | undefined;
  for (const topic of Object.keys(route?.topics ?? {}).sort())
    if (best === undefined || (route?.topics[topic] ?? 0) > (route?.topics[best] ?? 0)) best = topic;
  return best;
}

function isTopics(topics: unknown): topics is Record<string, number> {
  if (typeof topics !== 'object' || topics === null || Array.isArray(topics)) return false;
  return Object.values(topics).every((since) => Number.isSafeInteger(since) && (since as number) >= 0);
}
