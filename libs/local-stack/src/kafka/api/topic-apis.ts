import { nodeId } from '../broker-state.js';
import { type KafkaErrorName } from '../error-codes.js';
import { type Partition } from '../partition.js';
import { type NewTopic, type Refusal } from '../topics.js';
import { type WireReader } from '../wire-reader.js';
import { type ApiHandler, type ApiOutcome, codeOf, readTopics } from './api-call.js';

interface AskedTopic extends NewTopic {
  readonly assignment: readonly { readonly partition: number; readonly replicas: readonly number[] }[];
}

export const createTopics: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  const topics = reader.array(readAskedTopic);
  reader.int32();
  const validateOnly = reader.boolean();
  const create = (topic: AskedTopic): Refusal | undefined => {
    if (injectedError !== undefined) return { error: injectedError, message: 'Injected.' };
    const isRepeated = topics.filter(({ name }) => name === topic.name).length > 1;
    if (isRepeated) return { error: 'INVALID_REQUEST', message: 'Duplicate topic name.' };
    const assigned = withAssignment(topic);
    return 'error' in assigned ? assigned : broker.topics.create(assigned, validateOnly);
  };
  writer.int32(0);
  writer.array(topics, (topic) => {
    const refusal = create(topic);
    writer
      .string(topic.name)
      .int16(codeOf(refusal?.error))
      .string(refusal?.message ?? null);
  });
  return 'answer';
};

function readAskedTopic(reader: WireReader): AskedTopic {
  return {
    name: reader.string(),
    partitions: reader.int32(),
    replicationFactor: reader.int16(),
    assignment: reader.array(() => ({ partition: reader.int32(), replicas: reader.array(() => reader.int32()) })),
    configs: new Map(reader.array(() => [reader.string(), reader.nullableString()] as const)),
  };
}

/** The topic with as many partitions as were assigned by hand, if any were: each to this broker, numbered from 0. */
function withAssignment(topic: AskedTopic): NewTopic | Refusal {
  const { assignment, partitions, replicationFactor } = topic;
  if (assignment.length === 0) return topic;
  if (partitions !== -1 || replicationFactor !== -1) {
    return { error: 'INVALID_REQUEST', message: 'Both an assignment and a number of partitions or replicas.' };
  }
  const indices = new Set(assignment.map(({ partition }) => partition));
  const isWhole = assignment.every((_, index) => indices.has(index));
  const isHere = assignment.every(({ replicas }) => replicas.length === 1 && replicas[0] === nodeId);
  if (isWhole && isHere) return { ...topic, partitions: assignment.length };
  return { error: 'INVALID_REPLICA_ASSIGNMENT', message: `Only broker ${nodeId} can be assigned partitions.` };
}

export const deleteTopics: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  const names = reader.array(() => reader.string());
  const remove = (name: string): KafkaErrorName => {
    if (injectedError !== undefined) return injectedError;
    if (!broker.topics.delete(name)) return 'UNKNOWN_TOPIC_OR_PARTITION';
    broker.groups.forgetTopic(name);
    return 'NONE';
  };
  writer.int32(0);
  writer.array(names, (name) => writer.string(name).int16(codeOf(remove(name))));
  return 'answer';
};

export const createPartitions: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  const topics = reader.array(() => {
    const name = reader.string();
    const count = reader.int32();
    reader.nullableArray(() => reader.nullableArray(() => reader.int32()));
    return { name, count };
  });
  reader.int32();
  const validateOnly = reader.boolean();
  writer.int32(0);
  writer.array(topics, ({ name, count }) => {
    const refusal =
      injectedError === undefined
        ? broker.topics.growTo(name, count, validateOnly)
        : { error: injectedError, message: 'Injected.' };
    writer
      .string(name)
      .int16(codeOf(refusal?.error))
      .string(refusal?.message ?? null);
  });
  return 'answer';
};

/** Moves the start of partitions; offset -1 stands for the end. */
export const deleteRecords: ApiHandler = ({ reader, writer, broker, injectedError }): ApiOutcome => {
  const topics = readTopics(reader, () => ({ index: reader.int32(), before: reader.int64() }));
  writer.int32(0);
  writer.array(topics, ({ name, partitions }) => {
    writer.string(name).array(partitions, ({ index, before }) => {
      const partition = broker.topics.partition(name, index);
      const error = injectedError ?? deleteBefore(partition, before);
      const start = error === undefined ? (partition?.start ?? -1n) : -1n;
      writer.int32(index).int64(start).int16(codeOf(error));
    });
  });
  return 'answer';
};

function deleteBefore(partition: Partition | undefined, before: bigint): KafkaErrorName | undefined {
  if (partition === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION';
  if (!partition.hasLeader) return 'NOT_LEADER_FOR_PARTITION';
  if (before > partition.end || before < -1n) return 'OFFSET_OUT_OF_RANGE';
  partition.deleteBefore(before === -1n ? partition.end : before);
  return undefined;
}
