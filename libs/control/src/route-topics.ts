import { type TopicNames } from '@tidemark/protocol';
import { isTidemarkError } from '@tidemark/runtime';

import { type TopicAdmin } from './ports.js';
import { invalidRoute, type RouteProblem } from './route-validation.js';

/** A topic that a route needs and that is not there. */
export interface MissingTopic {
  readonly topic: string;
  readonly partitions: number;
}

export interface RouteTopicsOptions {
  readonly admin: TopicAdmin;
  readonly names: TopicNames;
  /** Whether missing topics are created. */
  readonly create: boolean;
  /** Partition count of a table topic that is created. */
  readonly tablePartitions: number;
}

/**
 * The topics that must be made before a table can be routed to `topics`. A record goes from a partition of the table topic into the same
 * partition of every target, so all counts must be equal: `ROUTE_INVALID` where they are not.
 */
export async function missingTopics(
  table: string,
  topics: readonly string[],
  options: RouteTopicsOptions,
  signal: AbortSignal,
): Promise<readonly MissingTopic[]> {
  const { admin, names, create, tablePartitions } = options;
  const tableTopic = names.cdc(table);
  const [tableCount, ...counts] = await Promise.all(
    [tableTopic, ...topics].map((topic) => admin.partitionsOf(topic, signal)),
  );
  const partitions = tableCount ?? tablePartitions;
  const problem =
    missingProblem('table', tableTopic, tableCount, create) ??
    firstOf(topics, (topic, index) => countProblem(topic, index, counts[index], { partitions, tableTopic, create }));
  if (problem !== undefined) throw invalidRoute(problem);
  const all = [{ topic: tableTopic, count: tableCount }, ...topics.map((topic, i) => ({ topic, count: counts[i] }))];
  return all.filter(({ count }) => count === undefined).map(({ topic }) => ({ topic, partitions }));
}

/** Creates them, one after the other: a topic that appeared meanwhile with another count is `ROUTE_INVALID`. */
export async function createTopics(
  missing: readonly MissingTopic[],
  admin: TopicAdmin,
  signal: AbortSignal,
): Promise<void> {
  for (const { topic, partitions } of missing) {
    try {
      await admin.create(topic, partitions, signal);
    } catch (error) {
      if (!isTidemarkError(error, 'PARTITION_MISMATCH')) throw error;
      throw invalidRoute({ field: 'topics', rule: 'partition-count', message: error.message });
    }
  }
}

function countProblem(
  topic: string,
  index: number,
  count: number | undefined,
  { partitions, tableTopic, create }: { partitions: number; tableTopic: string; create: boolean },
): RouteProblem | undefined {
  const field = `topics[${index}]`;
  if (count === undefined || count === partitions) return missingProblem(field, topic, count, create);
  const message = `${topic} has ${count} partitions, ${tableTopic} has ${partitions}; they must be equal`;
  return { field, rule: 'partition-count', message };
}

function missingProblem(
  field: string,
  topic: string,
  count: number | undefined,
  create: boolean,
): RouteProblem | undefined {
  if (count !== undefined || create) return undefined;
  return { field, rule: 'topic-missing', message: `there is no topic ${topic}, and topics are not created here` };
}

function firstOf<T, R>(items: readonly T[], problemOf: (item: T, index: number) => R | undefined): R | undefined {
  for (const [index, item] of items.entries()) {
    const problem = problemOf(item, index);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
