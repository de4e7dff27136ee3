import { describeViolation, type Violation } from '@tidemark/cache/testing';

/** What was seen of a run, once everything had healed. */
export interface Outcome {
  readonly writes: number;
  readonly reads: number;
  /** Events that the pods were handed. */
  readonly events: number;
  /** Writes of which the table topic has no event; not known where it was cut itself. */
  readonly lost: readonly string[];
  /** Writes of which the cache topic has no event. */
  readonly undispatched: readonly string[];
  /** Keys whose events came in another order than their writes were made, in either topic. */
  readonly disordered: readonly string[];
  /** Keys of which a pod serves other than what is stored. */
  readonly divergent: readonly string[];
  readonly violations: readonly Violation[];
  /** Of each pod: its flushes since the fault began. */
  readonly flushes: readonly number[];
  /** Times that a dispatcher met a hole in the table topic. */
  readonly gaps: number;
  /** Longest time in which a pod was handed nothing, from the fault until the load ended, ms. */
  readonly longestGapMs: number;
}

/** What a fault takes away. `events`: of the table topic, for good, so that a flush must stand in for them; `routes`: as long as nobody restores them. */
export type Loss = 'nothing' | 'events' | 'routes';

/** What is wrong, each in a line; none: nothing was lost and nothing diverges. */
export function wrongWith(outcome: Outcome, loss: Loss): readonly string[] {
  const { writes, reads, events, lost, undispatched, disordered, divergent, violations } = outcome;
  return [
    ...lost.map((line) => `lost: ${line}`),
    ...disordered.map((line) => `out of order: ${line}`),
    ...divergent.map((line) => `divergent: ${line}`),
    ...violations.map(describeViolation),
    ...(loss === 'events' ? wrongWithCut(outcome) : undispatched.map((line) => `not dispatched: ${line}`)),
    ...(loss === 'nothing' ? needlessFlushes(outcome) : []),
    // A run in which nothing happened proves nothing.
    ...(writes === 0 || reads === 0 || events === 0 ? [`nothing happened: ${writes}, ${reads}, ${events}`] : []),
  ];
}

/** Pods cannot know by themselves what a topic has lost: each must have been told. */
function wrongWithCut({ flushes, gaps }: Outcome): readonly string[] {
  return [
    ...(gaps === 0 ? ['no dispatcher met a hole'] : []),
    ...flushes.flatMap((count, pod) => (count === 0 ? [`pod-${pod + 1} was not flushed`] : [])),
  ];
}

/** Brokers that go and come cost a pod time, and nothing of what it holds. */
function needlessFlushes({ flushes, gaps }: Outcome): readonly string[] {
  return [...flushes, gaps].some((count) => count > 0)
    ? [`flushed for nothing: ${flushes.join(' and ')}, ${gaps} holes`]
    : [];
}

/** What was counted, in a line. */
export function figuresOf(name: string, seed: number, outcome: Outcome): string {
  const { writes, reads, events, undispatched, flushes, gaps, longestGapMs } = outcome;
  return [
    `FIGURES: kafka ${seed} ${name}: ${writes} writes, ${reads} reads, ${events} events`,
    `${undispatched.length} events gone, ${gaps} holes met, ${flushes.join(' and ')} flushes of the pods`,
    `longest time without an event ${(longestGapMs / 1_000).toFixed(1)} s`,
  ].join('; ');
}
