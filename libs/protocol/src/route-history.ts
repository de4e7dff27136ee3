import { checkVersion } from './format-version.js';
import { decodeRoute, encodeRoute, type Route } from './route.js';

/** One change of a route, as it is kept: a record of the history topic, whose key is the table. When it was, and who asked for it, `after` says. */
export interface RouteHistoryEntry {
  /** What was done: `put`, `move`, `repair`, …; a newer release may do others. */
  readonly operation: string;
  /** `null`: the table had no record before it, as far as its writer knew. */
  readonly before: Route | null;
  readonly after: Route;
}

export type RouteHistoryResult =
  { readonly ok: true; readonly entry: RouteHistoryEntry } | { readonly ok: false; readonly reason: string };

/** Writes an entry, format 1.0; the routes in it bear versions of their own. */
export function encodeRouteHistory({ operation, before, after }: RouteHistoryEntry): string {
  const raw = (route: Route): unknown => JSON.parse(encodeRoute(route));
  return JSON.stringify({ v: '1.0', operation, before: before === null ? null : raw(before), after: raw(after) });
}

/** Reads a record of the history topic; never throws. */
export function decodeRouteHistory(bytes: Uint8Array | string | null): RouteHistoryResult {
  const raw = parseObject(bytes);
  if (raw === undefined) return { ok: false, reason: 'expected a JSON object' };
  const check = checkVersion(raw['v'], 1);
  if (!check.readable) return { ok: false, reason: `format version ${check.version}` };
  const { operation } = raw;
  if (typeof operation !== 'string' || !/^[a-z-]{1,32}$/.test(operation))
    return { ok: false, reason: 'operation: expected 1 to 32 small letters and hyphens' };
  const after = decodeRoute(JSON.stringify(raw['after'] ?? null));
  if (!after.ok) return { ok: false, reason: `after: ${after.reason}` };
  if (raw['before'] === null) return { ok: true, entry: { operation, before: null, after: after.route } };
  const before = decodeRoute(JSON.stringify(raw['before'] ?? null));
  if (!before.ok) return { ok: false, reason: `before: ${before.reason}` };
  return { ok: true, entry: { operation, before: before.route, after: after.route } };
}

function parseObject(bytes: Uint8Array | string | null): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes ?? []).toString('utf8');
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
