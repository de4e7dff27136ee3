import { type Check, type Finding, ok, problem, skipped, warning } from '../finding.js';
import { type ProcessRole } from '../role-needs.js';

/** How far the group is in one partition. */
export interface PartitionProgress {
  readonly topic: string;
  readonly partition: number;
  /** Next offset to be handled; `null`: nothing was committed. */
  readonly committed: bigint | null;
  readonly low: bigint;
  readonly high: bigint;
}

export interface GroupFacts {
  readonly groupId: string;
  /** Kafka's word: Stable, Empty, Dead, PreparingRebalance, CompletingRebalance. */
  readonly state: string;
  readonly members: number;
  /** Of the topics of routed tables. */
  readonly progress: readonly PartitionProgress[];
}

/** Events of a topic that wait before it is worth a word: seconds of work for one dispatcher. */
const lagMax = 100_000n;

/** Whether dispatchers run, and how far they are. Who is `role` may look at no group but its own. */
export function groupsCheck(
  groupId: string,
  factsOf: (signal: AbortSignal) => Promise<GroupFacts>,
  role: ProcessRole | undefined,
): Check {
  const isOwn = role === undefined || role === 'dispatcher';
  return {
    name: 'groups',
    run: async (signal) =>
      isOwn ? groupFindings(await factsOf(signal)) : [skipped(groupId, `${role} has nothing to do with it`)],
  };
}

export function groupFindings(facts: GroupFacts): readonly Finding[] {
  const topics = [...new Set(facts.progress.map(({ topic }) => topic))].sort();
  if (topics.length === 0) return [stateOf(facts), skipped(facts.groupId, 'no routed table has a topic yet')];
  return [stateOf(facts), ...topics.flatMap((topic) => lagOf(topic, facts.progress))];
}

function stateOf({ groupId, state, members }: GroupFacts): Finding {
  if (state === 'Stable') return ok(groupId, `Stable, members: ${members}`);
  if (state.endsWith('Rebalance'))
    return warning(
      groupId,
      `${state}: dispatchers come or go`,
      'run it again in half a minute; if it stays, see their logs',
    );
  return problem(groupId, `${state}: no dispatcher is a member`, 'start dispatchers, or see why they are not ready');
}

function lagOf(topic: string, progress: readonly PartitionProgress[]): Finding[] {
  const own = progress.filter((each) => each.topic === topic);
  const lost = own.filter(({ committed, low }) => committed !== null && committed < low);
  const unread = own.filter(({ committed, low, high }) => committed === null && high > low);
  const lag = own.reduce((sum, { committed, low, high }) => sum + (high - atLeast(committed ?? low, low)), 0n);
  const list = (parts: readonly PartitionProgress[]): string => parts.map(({ partition }) => partition).join(', ');
  if (lost.length > 0)
    return [
      problem(
        topic,
        `its retention has passed the dispatchers in partition ${list(lost)}: what they may have touched will be flushed`,
        'keep records for longer than dispatchers may be away (TIDEMARK_TOPIC_RETENTION), and start them',
      ),
    ];
  if (unread.length > 0)
    return [
      warning(
        topic,
        `nothing is committed of partition ${list(unread)}, and ${lag} events wait`,
        'a new route takes some seconds; if it stays, see why the dispatchers hold the table (/health/ready)',
      ),
    ];
  if (lag > lagMax)
    return [
      warning(
        topic,
        `${lag} events wait`,
        'add dispatchers, up to one for each partition; see docs/operating/capacity.md',
      ),
    ];
  return [ok(topic, `${lag} events wait`)];
}

function atLeast(value: bigint, low: bigint): bigint {
  return value < low ? low : value;
}
