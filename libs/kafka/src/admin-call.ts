import { type Clock, TidemarkError, withDeadline } from '@tidemark/runtime';
import { type Admin } from 'kafkajs';
import { isAccessDenied, isTopicMissing, topicDenied } from './kafka-error.js';
import { type KafkaClient, shortRetry } from './kafka-client.js';
import { type PartitionIdentity } from './metadata-patch.js';
import { type Bounds, type KnownBounds, type LeaderEpoch } from './positions.js';

export interface AdminCallOptions {
  readonly client: KafkaClient;
  readonly clock: Clock;
  /** Bound on the whole call, connecting included, ms. Default 10,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Admin calls fail at once: whoever makes them knows whether and when to try again. */
export const noRetry = { ...shortRetry, retries: 0 };

/** Runs `work` on an admin connection of its own and closes it after use; fails with `TIMEOUT` or `ABORTED`, or as Kafka failed. */
export async function withAdmin<T>(options: AdminCallOptions, work: (admin: Admin) => Promise<T>): Promise<T> {
  const { client, clock, timeoutMs = 10_000, signal } = options;
  const admin = client.admin({ retry: noRetry });
  const connected = withDeadline({ clock, timeoutMs, what: 'kafka admin call', signal }, async () => {
    await admin.connect();
    return work(admin);
  });
  try {
    return await connected;
  } finally {
    void admin.disconnect().catch(() => undefined);
  }
}

/** What tells a log from another one of the same name, as it was when it was asked for. */
export interface LogIdentity {
  /** 32 hexadecimal digits; `undefined`: brokers before 3.1 do not tell. */
  readonly topicId: string | undefined;
  /** Of the leaders, by partition. */
  readonly leaderEpochs: readonly LeaderEpoch[];
}

/** `undefined` when there is no such topic. What is asked of its offsets afterwards is of this log or of one that its identity shows to be another. */
export async function identityOf(admin: Admin, topic: string): Promise<LogIdentity | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitions: readonly PartitionIdentity[] = topics.find(({ name }) => name === topic)?.partitions ?? [];
    const leaderEpochs: LeaderEpoch[] = [];
    for (const { partitionId, leaderEpoch = -1 } of partitions)
      leaderEpochs[partitionId] = leaderEpoch < 0 ? undefined : leaderEpoch;
    return partitions.length === 0 ? undefined : { topicId: partitions[0]?.topicId, leaderEpochs };
  } catch (error) {
    if (isTopicMissing(error)) return undefined;
    throw isAccessDenied(error) ? topicDenied(topic, error) : error;
  }
}

/**
 * First and next offset of every partition, or `undefined` when there is no such topic. Fails with `FEED_UNAVAILABLE` where a partition has no leader, with
 * `ACCESS_DENIED`, or as Kafka failed.
 */
export async function boundsOf(admin: Admin, topic: string): Promise<Bounds | undefined> {
  const known = await knownBoundsOf(admin, topic);
  return known && allBounds(topic, known);
}

/** First and next offset of every partition that has a leader, or `undefined` when there is no such topic. Fails with `ACCESS_DENIED`, or as Kafka failed. */
export async function knownBoundsOf(admin: Admin, topic: string): Promise<KnownBounds | undefined> {
  try {
    const low: (bigint | undefined)[] = [];
    const high: (bigint | undefined)[] = [];
    for (const { partition, low: first, high: next } of await admin.fetchTopicOffsets(topic)) {
      const isKnown = BigInt(first) >= 0n && BigInt(next) >= 0n;
      low[partition] = isKnown ? BigInt(first) : undefined;
      high[partition] = isKnown ? BigInt(next) : undefined;
    }
    return { low, high };
  } catch (error) {
    if (isTopicMissing(error)) return undefined;
    throw isAccessDenied(error) ? topicDenied(topic, error) : error;
  }
}

/** Those of every partition. Fails with `FEED_UNAVAILABLE` where one has no leader. */
export function allBounds(topic: string, { low, high }: KnownBounds): Bounds {
  const all = (offsets: readonly (bigint | undefined)[]): bigint[] =>
    Array.from(offsets, (offset, partition) => {
      if (offset === undefined) throw leaderless(topic, partition);
      return offset;
    });
  return { low: all(low), high: all(high) };
}

/** The first offset of every partition that the broker dates no earlier than `sinceMs`; the end where there is none. */
export async function offsetsSince(admin: Admin, topic: string, sinceMs: number): Promise<readonly bigint[]> {
  const offsets: bigint[] = [];
  for (const { partition, offset } of await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs))
    offsets[partition] = offsetOf(topic, partition, offset);
  return offsets;
}

/** Of a partition without a leader, none is known: -1 is no place to read from. */
function offsetOf(topic: string, partition: number, offset: string): bigint {
  const known = BigInt(offset);
  if (known >= 0n) return known;
  throw leaderless(topic, partition);
}

function leaderless(topic: string, partition: number): TidemarkError {
  return new TidemarkError('FEED_UNAVAILABLE', `kafka: partition ${partition} of ${topic} has no leader`, {
    retriable: true,
    context: { topic, partition },
  });
}

/** Partition count, or `undefined` when there is no such topic. Fails with `ACCESS_DENIED`, or as Kafka failed. */
export async function partitionCountOf(admin: Admin, topic: string): Promise<number | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const count = topics.find(({ name }) => name === topic)?.partitions.length;
    return count === 0 ? undefined : count;
  } catch (error) {
    if (isTopicMissing(error)) return undefined;
    throw isAccessDenied(error) ? topicDenied(topic, error) : error;
  }
}
