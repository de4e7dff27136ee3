import { type FoundTopic, type TopicProblem, type TopicReport, type TopicRole } from '@tidemark/kafka';
import { type TopicNames } from '@tidemark/protocol';
import { type Check, type Finding, hidden, ok, problem, skipped, warning } from '../finding.js';
import { type ProcessRole } from '../role-needs.js';

/** Whether the topics of the region are what their readers and writers need. */
export function topicsCheck(
  names: TopicNames,
  reportOf: (signal: AbortSignal) => Promise<TopicReport>,
  role: ProcessRole | undefined,
): Check {
  return { name: 'topics', run: async (signal) => topicFindings(names, await reportOf(signal), role) };
}

export function topicFindings(
  names: TopicNames,
  report: TopicReport,
  role: ProcessRole | undefined,
): readonly Finding[] {
  const { topics, problems } = report;
  const exists = new Set(topics.map(({ topic }) => topic));
  const absent = [names.routes, names.pods, names.deadLetters].filter((topic) => !exists.has(topic));
  return [
    ...topics.flatMap((topic) => findingsOf(topic, problems)),
    ...absent.map((topic) => (report.hidden.includes(topic) ? hidden(topic, role) : missing(names, topic))),
  ];
}

function missing(names: TopicNames, topic: string): Finding {
  if (topic === names.routes)
    return problem(
      topic,
      'is missing: dispatchers and pods wait for it',
      'start admin, which makes it, or make it (infra/kafka/README.md)',
    );
  if (topic === names.deadLetters) return skipped(topic, 'is missing: no record has ever needed it');
  return warning(
    topic,
    'is missing: nobody can wait until a write is visible, and hot keys are nobody’s',
    'the first pod that reports makes it; where pods may not, make it (infra/kafka/README.md)',
  );
}

function findingsOf(found: FoundTopic & { readonly role: TopicRole }, problems: readonly TopicProblem[]): Finding[] {
  const { topic, role, partitions, replicationFactor, configs } = found;
  const shape = `${role} topic, ${partitions} × ${replicationFactor}`;
  const wrong = [
    ...problems.filter((each) => each.topic === topic).map((each) => problemFinding(role, each)),
    ...ailingFindings(found),
  ];
  if (configs === undefined)
    wrong.push(
      warning(
        topic,
        `${shape}; its settings may not be read`,
        'give this principal DescribeConfigs on it to have them compared',
      ),
    );
  return wrong.length > 0 ? wrong : [ok(topic, shape)];
}

/** What lacks a leader or replicas at present, whatever the topic's settings are. */
function ailingFindings({ topic, ailing = [], configs }: FoundTopic): readonly Finding[] {
  // Without its settings, nobody knows how many a write needs.
  const least = Number(configs?.['min.insync.replicas'] ?? 0);
  const led = ailing.filter(({ hasLeader }) => hasLeader);
  const leaderless = ailing.filter(({ hasLeader }) => !hasLeader);
  const refused = led.filter(({ insync }) => insync < least);
  const fewer = led.filter((each) => !refused.includes(each));
  const findings = [
    leaderless.length > 0 && problem(topic, `${listed(leaderless)}: no leader: ${unusable}`, electRemedy),
    refused.length > 0 &&
      problem(
        topic,
        `${listed(refused)}: fewer replicas in sync than min.insync.replicas, ${least}: writes with acks=all are refused`,
        replicasRemedy,
      ),
    fewer.length > 0 &&
      warning(topic, `${listed(fewer)}: under-replicated: not every replica is in sync`, replicasRemedy),
  ];
  return findings.filter((each) => each !== false);
}

const unusable = 'nothing of it can be read or written';
const electRemedy =
  'see which brokers are down, and bring one back that was in sync; an unclean election would end it at once, and lose acknowledged records';
const replicasRemedy = 'see which brokers are down or behind (kafka-topics.sh --describe), and bring them back';

function listed(partitions: readonly { readonly partition: number }[]): string {
  return `partition ${partitions.map(({ partition }) => partition).join(', ')}`;
}

function problemFinding(role: TopicRole, { topic, setting, expected, got, why, severity }: TopicProblem): Finding {
  const message = `${setting}: expected ${expected}, got ${got}: ${why}`;
  const finding = severity === 'error' ? problem : warning;
  return finding(topic, message, remedyFor(role, topic, setting, expected));
}

/** A topic that has more partitions than one cannot lose them, and the prefix gives it its name: only a new one under the same name will do. */
const onePartition: Readonly<Partial<Record<TopicRole, string>>> = {
  routes:
    'delete it and make it again with 1 partition (infra/kafka/README.md); where routes are in it, export them first and import them then (docs/operating/restore.md)',
  'route-history':
    'stop the admins, delete it, and make it again with 1 partition (infra/kafka/README.md), or let the next change of a route make it',
  pods: 'delete it: the first pod that reports makes it again; where pods may not, make it with 1 partition (infra/kafka/README.md)',
};

/** Copies cannot be altered in place; everything else can, one setting at a time. */
function remedyFor(role: TopicRole, topic: string, setting: string, expected: string): string {
  if (setting === 'partitions') return onePartition[role] ?? 'give it as many as infra/kafka/README.md says';
  if (setting === 'replication.factor')
    return 'kafka-reassign-partitions.sh adds replicas; or lower TIDEMARK_TOPIC_REPLICATION_FACTOR to what you accept';
  const value = expected.split(/[ ,]/, 1)[0] ?? expected;
  const alter = `kafka-configs.sh --bootstrap-server BROKERS --alter --entity-type topics --entity-name ${topic} --add-config ${setting}=${value}`;
  const flag = flagOf(role, setting, expected);
  return flag === undefined ? alter : `${alter}; or set ${flag} to what you accept`;
}

/** The variable that what is expected comes of: most of it comes of the role, or of the replicas that there are. */
function flagOf(role: TopicRole, setting: string, expected: string): string | undefined {
  if (setting === 'retention.ms' && role === 'table') return 'TIDEMARK_TOPIC_RETENTION';
  const isLeast = expected.endsWith(' or more');
  return setting === 'min.insync.replicas' && isLeast ? 'TIDEMARK_TOPIC_MIN_ISR' : undefined;
}
