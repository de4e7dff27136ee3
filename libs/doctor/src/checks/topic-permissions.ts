import { type TopicReport } from '@tidemark/kafka';
import { type TopicNames } from '@tidemark/protocol';
import { type Finding, ok, problem, skipped } from '../finding.js';
import { judgeNeeds, type Need, needsOf, type ProcessRole, processRoles, type RegionTopics } from '../role-needs.js';

/** A table that no one has: whether its topics may be seen tells what becomes of tables to come. */
export const anyTable = 'tidemark-doctor';

export interface TopicPermissionFacts extends RegionTopics {
  readonly report: Pick<TopicReport, 'topics' | 'hidden'>;
}

/**
 * Whether this principal may do with the topics what a process does. Of one that is said to be that of `role`, what it may not is a problem; else it is told
 * for each process, and is nobody's problem.
 */
export function topicPermissionFindings(
  names: TopicNames,
  facts: TopicPermissionFacts,
  role: ProcessRole | undefined,
): readonly Finding[] {
  return role === undefined
    ? processRoles.map((each) => outlineOf(each, names, facts))
    : findingsOf(role, names, facts);
}

const tooOld = 'brokers before 3.1 do not tell';

function findingsOf(role: ProcessRole, names: TopicNames, facts: TopicPermissionFacts): readonly Finding[] {
  const { refused, missing, untold } = verdictOf(role, names, facts);
  const remedy = (what: string): string => `allow ${what} to the principal of ${role} (infra/kafka/README.md)`;
  const problems = refused.map((need) =>
    problem(textOf(need), `refused by the brokers; ${role} does it`, remedy(textOf(need))),
  );
  const left = [
    ...missing.map((need) => skipped(textOf(need), 'not there yet')),
    ...untold.map((need) => skipped(textOf(need), tooOld)),
  ];
  return [
    ...problems,
    ...left,
    ...(problems.length > 0 || left.length > 0 ? [] : [ok(`topics of ${role}`, 'all that it does is allowed')]),
  ];
}

function outlineOf(role: ProcessRole, names: TopicNames, facts: TopicPermissionFacts): Finding {
  const { refused, untold } = verdictOf(role, names, facts);
  const subject = `topics, as ${role}`;
  const [first] = refused;
  const more = refused.length > 1 ? ` and ${refused.length - 1} more` : '';
  if (first !== undefined)
    return skipped(subject, `${textOf(first)}${more} refused: a problem where this principal is its (--role ${role})`);
  return untold.length > 0 ? skipped(subject, tooOld) : ok(subject, 'nothing is refused');
}

function verdictOf(role: ProcessRole, names: TopicNames, { report, ...region }: TopicPermissionFacts) {
  return judgeNeeds(
    needsOf(role, names, withThoseToCome(names, region, report)),
    report.topics,
    new Set(report.hidden),
  );
}

/**
 * Where no table has a topic that can be seen, they may all be hidden, or there are none: what is so of any table is so of them. Where no route is known, one of each table
 * that there is, to cache topics that there are, will be.
 */
function withThoseToCome(
  names: TopicNames,
  { tables, routed, targets }: RegionTopics,
  { topics }: TopicPermissionFacts['report'],
): RegionTopics {
  const orAny = (some: readonly string[], any: string): readonly string[] => (some.length > 0 ? some : [any]);
  const fed = orAny(tables, anyTable);
  if (routed.length > 0) return { tables: fed, routed, targets };
  const caches = topics.filter(({ role }) => role === 'cache').map(({ topic }) => topic);
  return { tables: fed, routed: fed, targets: orAny(caches, names.cache(anyTable)) };
}

/** As ACLs name it. */
function textOf({ topic, operation }: Need): string {
  const isAny = topic.endsWith(`.${anyTable}`);
  return `${operation} on ${isAny ? `${topic.slice(0, -anyTable.length)}*` : topic}`;
}
