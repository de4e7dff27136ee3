import { type KafkaErrorName } from '../error-codes.js';
import { type CommittedOffset } from '../group-coordinator.js';
import { type Partition } from '../partition.js';
import { type ApiHandler, type ApiOutcome, codeOf, readTopics } from './api-call.js';

/** Longest metadata that may be committed beside an offset, characters. */
const metadataMax = 4_096;

const latest = -1n;
const earliest = -2n;

interface ListedOffset {
  readonly error?: KafkaErrorName;
  readonly timestampMs: number;
  readonly offset: bigint;
}

/** Where a partition starts, where it ends, or which record is the first that is not older than a time; -1 when none is. */
export const listOffsets: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  reader.int32();
  reader.int8();
  const topics = readTopics(reader, () => ({ index: reader.int32(), at: reader.int64() }));
  writer.int32(0);
  writer.array(topics, ({ name, partitions }) => {
    writer.string(name).array(partitions, ({ index, at }) => {
      const partition = broker.topics.partition(name, index);
      const { error, timestampMs, offset } = listed(partition, at, injectedError);
      writer.int32(index).int16(codeOf(error)).int64(BigInt(timestampMs)).int64(offset);
    });
  });
  return 'answer';
};

function listed(partition: Partition | undefined, at: bigint, injectedError: KafkaErrorName | undefined): ListedOffset {
  const none = { timestampMs: -1, offset: -1n };
  if (injectedError !== undefined) return { ...none, error: injectedError };
  if (partition === undefined) return { ...none, error: 'UNKNOWN_TOPIC_OR_PARTITION' };
  if (!partition.hasLeader) return { ...none, error: 'NOT_LEADER_FOR_PARTITION' };
  if (at === latest) return { ...none, offset: partition.end };
  if (at === earliest) return { ...none, offset: partition.start };
  return partition.firstSince(Number(at)) ?? none;
}

export const offsetCommit: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  const groupId = reader.string();
  const generation = reader.int32();
  const memberId = reader.string();
  const topics = readTopics(reader, () => ({
    partition: reader.int32(),
    offset: reader.int64(),
    metadata: reader.nullableString(),
  }));
  const refusal =
    injectedError ?? moved(broker.groups.isAvailable) ?? broker.groups.mayCommit(groupId, memberId, generation);
  const accepted: CommittedOffset[] = [];
  const judge = (committed: CommittedOffset): KafkaErrorName => {
    if (refusal !== 'NONE') return refusal;
    if (broker.topics.partition(committed.topic, committed.partition) === undefined)
      return 'UNKNOWN_TOPIC_OR_PARTITION';
    if ((committed.metadata?.length ?? 0) > metadataMax) return 'OFFSET_METADATA_TOO_LARGE';
    accepted.push(committed);
    return 'NONE';
  };
  writer.int32(0);
  writer.array(topics, ({ name, partitions }) => {
    writer.string(name).array(partitions, (committed) => {
      writer.int32(committed.partition).int16(codeOf(judge({ ...committed, topic: name })));
    });
  });
  broker.groups.commit(groupId, accepted);
  return 'answer';
};

/** An offset that was never committed is -1. */
export const offsetFetch: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  const groupId = reader.string();
  const asked = reader.nullableArray(() => ({ name: reader.string(), partitions: reader.array(() => reader.int32()) }));
  const error = injectedError ?? moved(broker.groups.isAvailable);
  const topics = error === undefined ? (asked ?? byTopic(broker.groups.allCommitted(groupId))) : [];
  writer.int32(0);
  writer.array(topics, ({ name, partitions }) => {
    writer.string(name).array(partitions, (partition) => {
      const committed = broker.groups.committed(groupId, name, partition);
      writer
        .int32(partition)
        .int64(committed?.offset ?? -1n)
        .string(committed?.metadata ?? '')
        .int16(0);
    });
  });
  writer.int16(codeOf(error));
  return 'answer';
};

function moved(isAvailable: boolean): KafkaErrorName | undefined {
  return isAvailable ? undefined : 'NOT_COORDINATOR';
}

function byTopic(offsets: readonly CommittedOffset[]): { name: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of offsets) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}
