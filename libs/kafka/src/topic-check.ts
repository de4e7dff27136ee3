import { type TopicNames } from '@tidemark/protocol';
import { type Clock, systemClock, TidemarkError } from '@tidemark/runtime';
import { type Admin, type ConfigResourceTypes, type PartitionMetadata } from 'kafkajs';
import { withAdmin } from './admin-call.js';
import { type KafkaClient } from './kafka-client.js';
import { isAccessDenied, isTopicMissing } from './kafka-error.js';
import { askingForOperations, type PartitionIdentity } from './metadata-patch.js';
import { adminFailed } from './topic-admin.js';
import {
  type AilingPartition,
  checkedConfigs,
  type FoundTopic,
  type TopicProblem,
  topicProblems,
  topicProblemText,
  type TopicRole,
  topicRole,
  type TopicSettings,
} from './topic-requirements.js';

/** Kafka's number of this kind of resource. As a value, `kafkajs` does not offer its enumeration to ES modules. */
const topicResource: ConfigResourceTypes.TOPIC = 2;

export interface TopicCheckOptions {
  readonly client: KafkaClient;
  readonly names: TopicNames;
  readonly settings: TopicSettings;
  /** Topics of other names, with what they are for. */
  readonly others?: ReadonlyMap<string, TopicRole>;
  /** Topics that are asked for by name where the brokers list none of it: it may be hidden from this client. Default none. */
  readonly expected?: readonly string[];
  /** Whether it is asked, too, what this client may do with each topic. Default false. */
  readonly asksForOperations?: boolean;
  readonly clock?: Clock;
  /** Bound on the whole check, ms. Default 10,000. */
  readonly timeoutMs?: number;
}

export interface TopicReport {
  /** Those that exist and have a role, by name. */
  readonly topics: readonly (FoundTopic & { readonly role: TopicRole })[];
  readonly problems: readonly TopicProblem[];
  /** Expected ones that this client may not see: the brokers do not tell it whether they exist. */
  readonly hidden: readonly string[];
}

/** Topics of one request: its answer stays below a megabyte. */
const topicsPerRequest = 50;

/**
 * Compares every topic of the region that exists with what its role needs. A topic that is not there is no problem here, and settings that may not
 * be read are not judged. Fails with `ACCESS_DENIED`, `FEED_UNAVAILABLE`, `TIMEOUT`.
 */
export async function checkTopics(options: TopicCheckOptions, signal: AbortSignal): Promise<TopicReport> {
  const { client, names, settings, others, expected = [], clock = systemClock, timeoutMs = 10_000 } = options;
  const asking = options.asksForOperations === true ? askingForOperations : now;
  const roleOf = (topic: string): TopicRole | undefined => topicRole(names, topic) ?? others?.get(topic);
  try {
    const { found, hidden } = await withAdmin({ client, clock, timeoutMs, signal }, async (admin) => {
      const listed = (await admin.listTopics()).filter((topic) => roleOf(topic) !== undefined);
      return {
        found: await asking(() => describeTopics(admin, listed)),
        hidden: await hiddenOf(
          admin,
          expected.filter((topic) => !listed.includes(topic)),
        ),
      };
    });
    const topics = found.flatMap((each) => {
      const role = roleOf(each.topic);
      return role === undefined ? [] : [{ ...each, role }];
    });
    return { topics, hidden, problems: topics.flatMap((each) => topicProblems(each.role, each, settings)) };
  } catch (error) {
    throw adminFailed(error);
  }
}

const now = <T>(work: () => Promise<T>): Promise<T> => work();

/** Those that this client may not see. */
async function hiddenOf(admin: Admin, topics: readonly string[]): Promise<readonly string[]> {
  const hidden: string[] = [];
  for (const topic of topics)
    try {
      await admin.fetchTopicMetadata({ topics: [topic] });
    } catch (error) {
      if (isAccessDenied(error)) hidden.push(topic);
      else if (!isTopicMissing(error)) throw error;
    }
  return hidden;
}

/** The error that a process ends with over topics that it must not work on; `undefined`: they do, warnings aside. */
export function topicsInvalid({ problems }: Pick<TopicReport, 'problems'>): TidemarkError | undefined {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return undefined;
  const count = errors.length === 1 ? '1 setting of a topic does' : `${errors.length} settings of topics do`;
  const lines = errors.map((problem) => `  ${topicProblemText(problem)}`);
  return new TidemarkError('INVALID_CONFIGURATION', [`${count} not fit`, ...lines].join('\n'), {
    retriable: false,
    context: { problems: errors },
  });
}

async function describeTopics(admin: Admin, topics: readonly string[]): Promise<FoundTopic[]> {
  const found: FoundTopic[] = [];
  for (let at = 0; at < topics.length; at += topicsPerRequest) {
    const some = topics.slice(at, at + topicsPerRequest);
    const [shapes, configs] = [await shapesOf(admin, some), await configsOf(admin, some)];
    for (const shape of shapes) found.push({ ...shape, configs: configs.get(shape.topic) });
  }
  return found.sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

type Shape = Omit<FoundTopic, 'configs'>;

/** Those that are still there. */
async function shapesOf(admin: Admin, topics: readonly string[]): Promise<readonly Shape[]> {
  return each(topics, [], async (some) => {
    const answer = await admin.fetchTopicMetadata({ topics: [...some] });
    return answer.topics
      .filter(({ partitions }) => partitions.length > 0)
      .map(({ name, partitions }) => ({
        topic: name,
        partitions: partitions.length,
        replicationFactor: Math.min(...partitions.map(({ replicas }) => replicas.length)),
        operations: (partitions[0] as PartitionIdentity | undefined)?.operations,
        ailing: ailingOf(partitions),
      }));
  });
}

/** In the order of their numbers; brokers answer in any. */
function ailingOf(partitions: readonly PartitionMetadata[]): readonly AilingPartition[] {
  return partitions
    .map(({ partitionId, leader, replicas, isr }) => ({
      ...{ partition: partitionId, hasLeader: leader >= 0 },
      ...{ replicas: replicas.length, insync: isr.length },
    }))
    .filter(({ hasLeader, replicas, insync }) => !hasLeader || insync < replicas)
    .sort((a, b) => a.partition - b.partition);
}

/** Those that may be read. */
async function configsOf(admin: Admin, topics: readonly string[]): Promise<Map<string, Record<string, string>>> {
  const described = await each(topics, [], async (some) => {
    const resources = some.map((name) => ({
      type: topicResource,
      name,
      configNames: [...checkedConfigs],
    }));
    const answer = await admin.describeConfigs({ resources, includeSynonyms: false });
    return answer.resources.map(({ resourceName, configEntries }) => {
      const entries = configEntries.map(({ configName, configValue }) => [configName, configValue] as const);
      return [resourceName, Object.fromEntries(entries)] as const;
    });
  });
  return new Map(described);
}

/** kafkajs fails a request when one topic of it may not be seen or is gone: then each is asked for by itself, and those are left out. */
async function each<T>(
  topics: readonly string[],
  none: readonly T[],
  ask: (topics: readonly string[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  try {
    return topics.length === 0 ? none : await ask(topics);
  } catch (error) {
    if (!isAccessDenied(error) && !isTopicMissing(error)) throw error;
    if (topics.length === 1) return none;
    const answers: T[] = [];
    for (const topic of topics) answers.push(...(await each([topic], none, ask)));
    return answers;
  }
}
