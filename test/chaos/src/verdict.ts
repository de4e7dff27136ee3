import { describeViolation, type Violation } from '@tidemark/cache/testing';

/** What was seen of a scenario once it was healed. */
export interface Outcome {
  /** Ms from the healing, and the start of the pods that it has started, until every pod served what the table holds, of every key; `null`: not while it was waited for. */
  readonly agreedMs: number | null;
  /** The keys, and who served what, when it was last looked. */
  readonly divergent: readonly string[];
  /** Ms from the healing until every pod had everything that was written before; `null`: not while it was waited for. */
  readonly caughtUpMs: number | null;
  /** Writes that no event of the table topic is of. */
  readonly lost: readonly string[];
  /** Changes of the route that did not come to an end, and why. */
  readonly unmoved: readonly string[];
  /** Roles that did not work again while they were waited for, and what they said. */
  readonly unready: readonly string[];
  readonly violations: readonly Violation[];
  readonly unhandled: readonly string[];
  /** Processes that ended without being told to. */
  readonly deaths: readonly string[];
  readonly reads: number;
  readonly writes: number;
  /** Events that the pods were handed. */
  readonly events: number;
}

export const limits = { agreedMs: 10_000, caughtUpMs: 60_000 } as const;

/** What is wrong, each in a line that can be acted on; none: the scenario has passed. */
export function judge(outcome: Outcome): readonly string[] {
  const { agreedMs, divergent, caughtUpMs, lost, unmoved, unready } = outcome;
  const { violations, unhandled, deaths, reads, writes, events } = outcome;
  return [
    ...late(`${divergent.length} divergent keys`, agreedMs, limits.agreedMs, divergent),
    ...late('pods have not caught up', caughtUpMs, limits.caughtUpMs, []),
    ...(lost.length === 0 ? [] : [[`${lost.length} lost events`, ...lost].join('\n  ')]),
    ...unmoved.map((line) => `the route stays: ${line}`),
    ...unready.map((line) => `not ready: ${line}`),
    ...violations.map(describeViolation),
    ...unhandled.map((line) => `nobody handled: ${line}`),
    ...deaths.map((line) => `died: ${line}`),
    // A scenario in which nothing happens proves nothing.
    ...(reads === 0 || writes === 0 || events === 0
      ? [`nothing happened: ${reads} reads, ${writes} writes, ${events} events`]
      : []),
  ];
}

function late(what: string, tookMs: number | null, limitMs: number, details: readonly string[]): readonly string[] {
  if (tookMs !== null && tookMs <= limitMs) return [];
  const said = tookMs === null ? 'at all' : `before ${Math.round(tookMs)} ms`;
  return [[`${what}: not right ${said}, ${limitMs} ms allowed after healing`, ...details].join('\n  ')];
}
