import { type CheckResult, type Report } from './examine.js';
import { type Finding, type Status } from './finding.js';

const marks: Readonly<Record<Status, string>> = {
  ok: 'ok      ',
  skipped: 'skipped ',
  warning: 'WARNING ',
  problem: 'PROBLEM ',
  unknown: 'UNKNOWN ',
};

/** The report as a terminal shows it: a line for each finding, and below it what to do. */
export function reportText(report: Report): string {
  const findings = report.checks.flatMap((check) => check.findings);
  const count = (status: Status): number => findings.filter((finding) => finding.status === status).length;
  const counts = (['problem', 'unknown', 'warning', 'ok', 'skipped'] as const)
    .map((status) => `${count(status)} ${status}`)
    .join(', ');
  return [...report.checks.map(checkText), `${report.ok ? 'well' : 'not well'}: ${counts}`, ''].join('\n');
}

function checkText({ check, tookMs, findings }: CheckResult): string {
  return [`${check} (${tookMs} ms)`, ...findings.flatMap(findingLines), ''].join('\n');
}

function findingLines({ subject, status, message, remedy }: Finding): string[] {
  const [first = '', ...rest] = message.split('\n');
  const more = rest.map((line) => `            ${line.trim()}`);
  return [
    `  ${marks[status]}${subject}: ${first}`,
    ...more,
    ...(remedy === undefined ? [] : [`            → ${remedy}`]),
  ];
}
