import { type Check, type Finding, ok, problem, skipped, warning } from '../finding.js';
import { type ProcessRole } from '../role-needs.js';

/** How far the group is in one partition. */
export interface PartitionProgress {
  readonly topic: string;
  readonly partition: number;
  /** Next offset to be handled; `null`: nothing was committed. */
  readonly committed: bigint | null;
  /** -1: its leader does not answer. */
  readonly low: bigint;
  /** Next offset to be written; -1: its leader does not answer. */
  readonly high: bigint;
}

export interface GroupFacts {
  readonly groupId: string;
  /** Kafka's word: Stable, Empty, Dead, PreparingRebalance, CompletingRebalance. */
  readonly state: string;
  readonly members: number;
}

/** What the brokers are asked of the group. */
export interface GroupQuestions {
  readonly facts: () => Promise<GroupFacts>;
  /** Of the topics of routed tables. */
  readonly progress: () => Promise<readonly PartitionProgress[]>;
}

/** Events of a topic that wait before it is worth a word: seconds of work for one dispatcher. */
const lagMax = 100_000n;

/** Whether dispatchers run, and how far they are. Who is `role` may look at no group but its own. */
export function groupsCheck(groupId: string, questions: GroupQuestions, role: ProcessRole | undefined): Check {
  const isOwn = role === undefined || role === 'dispatcher';
  if (!isOwn) return { name: 'groups', run: async () => [skipped(groupId, `${role} has nothing to do with it`)] };
  return {
    name: 'groups',
    run: async () => [stateOf(await questions.facts())],
    beside: [{ name: `lag of ${groupId}`, run: async () => lagFindings(groupId, await questions.progress()) }],
  };
}

export function lagFindings(groupId: string, progress: readonly PartitionProgress[]): readonly Finding[] {
  const topics = [...new Set(progress.map(({ topic }) => topic))].sort();
  if (topics.length === 0) return [skipped(groupId, 'no routed table has a topic yet')];
  return topics.flatMap((topic) => lagOf(topic, progress));
}

export function stateOf({ groupId, state, members }: GroupFacts): Finding {
  if (state === 'Stable') return ok(groupId, `Stable, members: ${members}`);
  if (state.endsWith('Rebalance'))
    return warning(
      groupId,
      `${state}: dispatchers come or go`,
      'run it again in half a minute; if it stays, see their logs',
    );
  return problem(groupId, `${state}: no dispatcher is a member`, 'start dispatchers, or see why they are not ready');
}

function lagOf(topic: string, progress: readonly PartitionProgress[]): readonly Finding[] {
  const own = progress.filter((each) => each.topic === topic);
  const known = own.filter(({ low, high }) => low >= 0n && high >= 0n);
  const unanswered = own.filter((each) => !known.includes(each));
  const findings = unanswered.length > 0 ? [unansweredFinding(topic, unanswered)] : [];
  const lost = lossesOf(topic, known);
  if (lost.length > 0 || known.length === 0) return [...findings, ...lost];
  return [...findings, waitingOf(topic, known)];
}

function unansweredFinding(topic: string, partitions: readonly PartitionProgress[]): Finding {
  return warning(
    topic,
    `partition ${listed(partitions)}: its leader does not answer: nobody knows how many events wait there`,
    'see what the check of topics says of it',
  );
}

/** Where the log is not what was committed of it: its records are gone, before they were read or after. */
function lossesOf(topic: string, partitions: readonly PartitionProgress[]): readonly Finding[] {
  const cut = partitions.filter(({ committed, high }) => committed !== null && committed > high);
  const passed = partitions.filter(({ committed, low }) => committed !== null && committed < low);
  const findings: Finding[] = [];
  if (cut.length > 0)
    findings.push(
      problem(
        topic,
        `its log is shorter than what was committed of it: ${cut.map(cutText).join('; ')}: it was cut or made anew`,
        'see that dispatchers run: they flush these partitions in every pod and read their logs from the start; find out who made the topic anew, or whether an unclean election cut it',
      ),
    );
  if (passed.length > 0)
    findings.push(
      problem(
        topic,
        `its retention has passed the dispatchers in partition ${listed(passed)}: what they may have touched will be flushed`,
        'keep records for longer than dispatchers may be away (TIDEMARK_TOPIC_RETENTION), and start them',
      ),
    );
  return findings;
}

function cutText({ partition, committed, high }: PartitionProgress): string {
  return `partition ${partition} ends at ${high}, committed is ${committed}`;
}

/** Of partitions whose records are all there. */
function waitingOf(topic: string, partitions: readonly PartitionProgress[]): Finding {
  const unread = partitions.filter(({ committed, low, high }) => committed === null && high > low);
  const lag = partitions.reduce((sum, { committed, low, high }) => sum + (high - (committed ?? low)), 0n);
  if (unread.length > 0)
    return warning(
      topic,
      `nothing is committed of partition ${listed(unread)}, and ${lag} events wait`,
      'a new route takes some seconds; if it stays, see why the dispatchers hold the table (/health/ready)',
    );
  if (lag > lagMax)
    return warning(
      topic,
      `${lag} events wait`,
      'add dispatchers, up to one for each partition; see docs/operating/capacity.md',
    );
  return ok(topic, `${lag} events wait`);
}

function listed(partitions: readonly PartitionProgress[]): string {
  return partitions.map(({ partition }) => partition).join(', ');
}
