import { type TopicAdmin } from '@tidemark/control';
import { type Clock, isTidemarkError, messageOf, systemClock, TidemarkError, wait } from '@tidemark/runtime';
import { type Admin } from 'kafkajs';
import { partitionCountOf, withAdmin } from './admin-call.js';
import { type KafkaClient } from './kafka-client.js';
import { isAccessDenied, isTopicMissing, kafkaErrorType, topicDenied } from './kafka-error.js';
import { configsOfRole } from './topic-requirements.js';

export interface TopicSpec {
  readonly replicationFactor: number;
  /**
   * Kafka's own names, `retention.ms`; the broker's defaults otherwise, but for `min.insync.replicas`: one fewer than there are replicas. A function is
   * asked for each topic.
   */
  readonly configs?: Readonly<Record<string, string>> | ((topic: string) => Readonly<Record<string, string>>);
}

export interface KafkaTopicAdminOptions extends Partial<TopicSpec> {
  readonly client: KafkaClient;
  readonly clock?: Clock;
  /** Bound on one call, ms. Default 10,000. */
  readonly timeoutMs?: number;
}

/** Topics as the control plane sees and makes them; every call has its own connection and closes it. */
export class KafkaTopicAdmin implements TopicAdmin {
  readonly #options: KafkaTopicAdminOptions;
  readonly #clock: Clock;
  readonly #spec: TopicSpec;

  /** `replicationFactor` of new topics: default 3. */
  constructor(options: KafkaTopicAdminOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#spec = { replicationFactor: options.replicationFactor ?? 3, configs: options.configs ?? {} };
  }

  partitionsOf(topic: string, signal: AbortSignal): Promise<number | undefined> {
    return this.#call(signal, (admin) => partitionCountOf(admin, topic));
  }

  /** Fails with `PARTITION_MISMATCH` when the topic exists with another count. */
  create(topic: string, partitions: number, signal: AbortSignal): Promise<void> {
    return this.#call(signal, (admin) => createTopic(admin, topic, partitions, this.#spec, this.#clock));
  }

  /** Topics whose name starts with `prefix`, sorted. */
  list(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#call(signal, (admin) => listTopics(admin, prefix));
  }

  async #call<T>(signal: AbortSignal, work: (admin: Admin) => Promise<T>): Promise<T> {
    const { client, timeoutMs } = this.#options;
    try {
      return await withAdmin(
        { client, clock: this.#clock, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
        work,
      );
    } catch (error) {
      throw adminFailed(error);
    }
  }
}

export async function listTopics(admin: Admin, prefix: string): Promise<readonly string[]> {
  const topics = await admin.listTopics();
  return topics.filter((topic) => topic.startsWith(prefix)).sort();
}

const looksMax = 50;
const lookEveryMs = 100;

/** Makes the topic, or accepts one that exists with the same count. */
export async function createTopic(
  admin: Admin,
  topic: string,
  partitions: number,
  spec: TopicSpec,
  clock: Clock = systemClock,
): Promise<void> {
  const { replicationFactor, configs = {} } = spec;
  const wanted = { ...configsOfRole(undefined, { replicationFactor }), ...givenFor(configs, topic) };
  const configEntries = Object.entries(wanted).map(([name, value]) => ({ name, value }));
  const topics = [{ topic, numPartitions: partitions, replicationFactor, configEntries }];
  try {
    if (await admin.createTopics({ waitForLeaders: true, topics })) return;
  } catch (error) {
    if (isAccessDenied(error)) throw topicDenied(topic, error);
    if (!isTopicMissing(error)) throw notMade(topic, replicationFactor, error);
    return untilKnown(admin, topic, clock);
  }
  const existing = await partitionCountOf(admin, topic);
  if (existing === undefined || existing === partitions) return;
  throw new TidemarkError('PARTITION_MISMATCH', `${topic} exists with ${existing} partitions, wanted ${partitions}`, {
    retriable: false,
    context: { topic, expected: partitions, got: existing },
  });
}

/** The controller has made it; the broker that is asked may not have heard of it yet, for which kafkajs does not wait. */
async function untilKnown(admin: Admin, topic: string, clock: Clock): Promise<void> {
  for (let look = 0; look < looksMax; look += 1) {
    if ((await partitionCountOf(admin, topic).catch(() => undefined)) !== undefined) return;
    await wait(clock, lookEveryMs);
  }
}

/** kafkajs says `Topic creation errors` alone, whatever it was. */
function notMade(topic: string, replicationFactor: number, error: unknown): unknown {
  const type = kafkaErrorType(error);
  if (type === undefined) return error;
  const inner: unknown =
    error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? error.errors[0] : error;
  const asked =
    type === 'INVALID_REPLICATION_FACTOR'
      ? `: wanted ${replicationFactor} copies (TIDEMARK_TOPIC_REPLICATION_FACTOR)`
      : '';
  return new TidemarkError(
    'FEED_UNAVAILABLE',
    `kafka: could not make ${topic}: ${messageOf(inner)} (${type})${asked}`,
    {
      retriable: true,
      cause: error,
      context: { topic, type },
    },
  );
}

function givenFor(configs: NonNullable<TopicSpec['configs']>, topic: string): Readonly<Record<string, string>> {
  return typeof configs === 'function' ? configs(topic) : configs;
}

/** Kafka's failure as one of Tidemark's. */
export function adminFailed(error: unknown): TidemarkError {
  if (isTidemarkError(error)) return error;
  const denied = isAccessDenied(error);
  return new TidemarkError(denied ? 'ACCESS_DENIED' : 'FEED_UNAVAILABLE', `kafka: ${describe(error)}`, {
    retriable: !denied,
    cause: error,
  });
}

function describe(error: unknown): string {
  const type = kafkaErrorType(error);
  const message = error instanceof Error ? error.message : String(error);
  return type === undefined ? message : `${message} (${type})`;
}
