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
  const wrong = problems.filter((each) => each.topic === topic).map((each) => problemFinding(role, each));
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
  const flag = { 'min.insync.replicas': 'TIDEMARK_TOPIC_MIN_ISR', 'retention.ms': 'TIDEMARK_TOPIC_RETENTION' }[setting];
  const alter = `kafka-configs.sh --bootstrap-server BROKERS --alter --entity-type topics --entity-name ${topic} --add-config ${setting}=${value}`;
  return flag === undefined ? alter : `${alter}; or set ${flag} to what you accept`;
}
