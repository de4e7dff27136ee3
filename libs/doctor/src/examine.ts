import { type Clock, isTidemarkError, messageOf, withDeadline } from '@tidemark/runtime';
import { type Check, type Finding, type Look } from './finding.js';
import { remedyOf } from './remedies.js';

export interface ExamineOptions {
  readonly clock: Clock;
  /** Bound on each check, ms; they run side by side, so it bounds the whole, too. Default 20,000. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export interface CheckResult {
  readonly check: string;
  readonly tookMs: number;
  readonly findings: readonly Finding[];
}

export interface Report {
  /** Nothing is a problem, and nothing is unknown. */
  readonly ok: boolean;
  readonly checks: readonly CheckResult[];
}

/** Runs every check, each within its deadline; never rejects, and never takes longer than one deadline. */
export async function examine(checks: readonly Check[], options: ExamineOptions): Promise<Report> {
  const results = await Promise.all(checks.map((check) => resultOf(check, options)));
  const isWell = ({ status }: Finding): boolean => status !== 'problem' && status !== 'unknown';
  return { ok: results.every(({ findings }) => findings.every(isWell)), checks: results };
}

async function resultOf(check: Check, { clock, deadlineMs = 20_000, signal }: ExamineOptions): Promise<CheckResult> {
  const startMs = clock.monotonicMs();
  const findingsOf = ({ name, run }: Look): Promise<readonly Finding[]> =>
    withDeadline({ clock, timeoutMs: deadlineMs, what: `the check of ${name}`, signal }, run).catch(
      (error: unknown) => [failed(name, error)],
    );
  const findings = await Promise.all([check, ...(check.beside ?? [])].map(findingsOf));
  return { check: check.name, tookMs: Math.round(clock.monotonicMs() - startMs), findings: findings.flat() };
}

/** What a look that failed is told as: refused is a problem of its own, everything else leaves it open. */
export function failed(subject: string, error: unknown): Finding {
  const status = isTidemarkError(error) && isCertain.has(error.code) ? 'problem' : 'unknown';
  return { subject, status, message: messageOf(error), remedy: remedyOf(error) };
}

const isCertain: ReadonlySet<string> = new Set([
  'ACCESS_DENIED',
  'INVALID_CONFIGURATION',
  'STREAM_MISSING',
  'TABLE_MISSING',
]);
