import { type PutLimits, type RoutePrecondition, type TopicFilters } from '@tidemark/control';
import { type KeyRange } from '@tidemark/protocol';
import { z } from 'zod';

import { RequestProblem } from './problem.js';

/** Headers as Node hands them over. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Who asks, where the request does not say. */
export const defaultActor = 'admin-api';

const names = z.array(z.string()).max(1_000);
const limit = z.strictObject({ services: names.optional(), buckets: names.optional() });
const putBody = z.strictObject({ topics: names, limited: z.record(z.string(), limit).optional() });
const moveBody = z.strictObject({ to: z.string() });
const rewindBody = z.strictObject({
  to: z.iso.datetime({ offset: true }),
  keys: z.strictObject({ from: z.string(), to: z.string() }).optional(),
});
const changeQuery = z.strictObject({ dryRun: z.enum(['true', 'false']).optional() });

/** The topics of a PUT's body, and what some are limited to; throws a `RequestProblem` that names the field. */
export function readPut(body: unknown): { readonly topics: readonly string[]; readonly limited: PutLimits } {
  const result = putBody.safeParse(body);
  if (!result.success) throw wrongShape(result.error, 'body', 'expected { "topics": ["…"] }');
  const { topics, limited } = result.data;
  if (limited === undefined) return { topics, limited: {} };
  const filters = Object.entries(limited).map(([topic, { services, buckets }]) => [
    topic,
    { ...(services === undefined ? {} : { services }), ...(buckets === undefined ? {} : { buckets }) },
  ]);
  return { topics, limited: { limited: Object.fromEntries(filters) as TopicFilters } };
}

/** The topic of a move's body; throws a `RequestProblem` that names the field. */
export function readTarget(body: unknown): string {
  const result = moveBody.safeParse(body);
  if (result.success) return result.data.to;
  throw wrongShape(result.error, 'body', 'expected { "to": "…" }');
}

/** The time of a rewind's body, and its keys; throws a `RequestProblem` that names the field. */
export function readRewind(body: unknown): { readonly to: number; readonly keys?: KeyRange } {
  const result = rewindBody.safeParse(body);
  if (!result.success)
    throw wrongShape(
      result.error,
      'body',
      'expected { "to": "2026-01-31T12:00:00Z", "keys"?: { "from": "…", "to": "…" } }',
    );
  const { to, keys } = result.data;
  return { to: Date.parse(to), ...(keys === undefined ? {} : { keys }) };
}

/** Whether a change is only to be worked out. An unknown parameter is refused: a misspelt `dryRun` would change things. */
export function readDryRun(query: unknown): boolean {
  const result = changeQuery.safeParse(query);
  if (result.success) return result.data.dryRun === 'true';
  throw wrongShape(result.error, 'query', 'expected ?dryRun=true, ?dryRun=false or nothing');
}

/** Refuses every parameter: who says `dryRun` where there is none would be surprised by what it does. */
export function readNoQuery(query: unknown): void {
  const result = z.strictObject({}).safeParse(query);
  if (!result.success) throw wrongShape(result.error, 'query', 'expected no parameters');
}

/** `If-Match: "<version>"` to change, `If-None-Match: *` to create. */
export function readPutPrecondition(headers: RequestHeaders): RoutePrecondition {
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch === undefined) return readVersion(headers);
  if (headers['if-match'] !== undefined) {
    throw new RequestProblem('BAD_REQUEST', 'Expected either If-Match or If-None-Match.', { field: 'If-Match' });
  }
  if (ifNoneMatch === '*') return 'none';
  throw new RequestProblem('BAD_REQUEST', 'Expected If-None-Match: *.', { field: 'If-None-Match', rule: 'syntax' });
}

/** `If-Match: "<version>"`. */
export function readVersion(headers: RequestHeaders): number {
  const ifMatch = headers['if-match'];
  if (ifMatch === undefined) {
    const detail = 'Say which version this replaces with If-Match: "<version>", or create with If-None-Match: *.';
    throw new RequestProblem('PRECONDITION_REQUIRED', detail, { field: 'If-Match' });
  }
  const version = typeof ifMatch === 'string' ? /^(?:"(\d{1,15})"|(\d{1,15}))$/.exec(ifMatch.trim()) : null;
  if (version !== null) return Number(version[1] ?? version[2]);
  const detail = 'Expected one strong entity tag as GET answers it, If-Match: "3".';
  throw new RequestProblem('BAD_REQUEST', detail, { field: 'If-Match', rule: 'syntax' });
}

/** Who asks, for the record: the `X-Tidemark-Actor` header, which is taken on trust. */
export function readActor(headers: RequestHeaders): string {
  const actor = headers['x-tidemark-actor'];
  return typeof actor === 'string' ? actor : defaultActor;
}

/** What a schema has against a request. */
export function wrongShape(error: z.ZodError, where: string, expected: string): RequestProblem {
  const [issue] = error.issues;
  const path = (issue?.path ?? []).map((step) => (typeof step === 'number' ? `[${step}]` : String(step)));
  const field = path.length === 0 ? where : path.join('.').replaceAll('.[', '[');
  return new RequestProblem('BAD_REQUEST', `${expected}; ${field}: ${issue?.message ?? 'wrong'}`, {
    field,
    rule: issue?.code ?? 'syntax',
  });
}
