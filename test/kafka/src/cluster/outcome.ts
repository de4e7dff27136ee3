import { describeViolation, type Violation } from '@tidemark/cache/testing';

/** What was seen of a run, once everything had healed. */
export interface Outcome {
  readonly writes: number;
  readonly reads: number;
  /** Events that the pods were handed. */
  readonly events: number;
  /** Writes of which the table topic has no event; none where it was cut itself. */
  readonly lost: readonly string[];
  /** Keys of which a pod serves other than what is stored. */
  readonly divergent: readonly string[];
  readonly violations: readonly Violation[];
}

/** What is wrong, each in a line; none: nothing was lost and nothing diverges. */
export function wrongWith({ writes, reads, events, lost, divergent, violations }: Outcome): readonly string[] {
  return [
    ...lost.map((line) => `lost: ${line}`),
    ...divergent.map((line) => `divergent: ${line}`),
    ...violations.map(describeViolation),
    // A run in which nothing happened proves nothing.
    ...(writes === 0 || reads === 0 || events === 0 ? [`nothing happened: ${writes}, ${reads}, ${events}`] : []),
  ];
}
