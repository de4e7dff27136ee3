import { checkVersion } from './format-version.js';

/** What a pod says of itself on the pods topic; the message key is the pod, the broker's time is the time of the report. */
export interface PodReport {
  /** Random for every start of a pod. */
  readonly pod: string;
  readonly service: string;
  /** By table: what it follows, and how far it is. */
  readonly tables: Readonly<Record<string, TableProgress>>;
  /** Its last report: it serves nothing any more. */
  readonly leaving: boolean;
}

export interface TableProgress {
  /** The followed topic of each partition; `null`: none yet. */
  readonly topics: readonly (string | null)[];
  /** Highest offset of the table topic that has been processed from the followed topic, by partition; -1: none. */
  readonly progress: readonly number[];
}

export type DecodedPodReport =
  { readonly ok: true; readonly report: PodReport } | { readonly ok: false; readonly reason: string };

const version = '1.0';

/** JSON with `v`, `pod`, `service`, `tables`, `leaving`. */
export function encodePodReport({ pod, service, tables, leaving }: PodReport): string {
  return JSON.stringify({ v: version, pod, service, tables, leaving });
}

/** Never throws. */
export function decodePodReport(bytes: Uint8Array | string | null): DecodedPodReport {
  if (bytes === null) return { ok: false, reason: 'no value' };
  let parsed: unknown;
  try {
    parsed = JSON.parse(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8'));
  } catch {
    return { ok: false, reason: 'not JSON' };
  }
  if (!isRecord(parsed)) return { ok: false, reason: 'not an object' };
  const check = checkVersion(parsed['v'], 1);
  if (!check.readable) return { ok: false, reason: `format version ${check.version}` };
  const { pod, service, tables, leaving } = parsed;
  if (typeof pod !== 'string' || typeof service !== 'string' || !isRecord(tables))
    return { ok: false, reason: 'pod, service or tables are not what they should be' };
  // Without a prototype: a table may be called as one of its properties is.
  const read = Object.create(null) as Record<string, TableProgress>;
  for (const [table, progress] of Object.entries(tables)) {
    if (!isProgress(progress)) return { ok: false, reason: `tables.${table.slice(0, 200)} is not a table's progress` };
    read[table] = { topics: progress.topics, progress: progress.progress };
  }
  return { ok: true, report: { pod, service, tables: read, leaving: leaving === true } };
}

function isProgress(value: unknown): value is TableProgress {
  if (!isRecord(value)) return false;
  const { topics, progress } = value;
  return (
    Array.isArray(topics) &&
    topics.every((topic) => topic === null || typeof topic === 'string') &&
    Array.isArray(progress) &&
    progress.length === topics.length &&
    progress.every((offset) => Number.isSafeInteger(offset) && offset >= -1)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
