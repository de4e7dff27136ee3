/// <reference types="./kafkajs-internals.d.ts" />
import { AsyncLocalStorage } from 'node:async_hooks';
import metadata from 'kafkajs/src/protocol/requests/metadata/index.js';
import response from 'kafkajs/src/protocol/requests/metadata/v6/response.js';
import { FlexibleReader, FlexibleWriter } from './flexible-wire.js';
import { operationsOf, type TopicOperation } from './topic-operations.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const patched = Symbol.for('@tidemark/kafka/metadata-patch');

const apiKey = 3;
/** Tells ids of topics and epochs of leaders; brokers speak it from 3.1 on. */
const identifyingVersion = 12;
/** The last one that kafkajs speaks. */
const knownVersion = 6;

/** What each partition is told with, beside what kafkajs reads of it. */
export interface PartitionIdentity {
  readonly partitionId: number;
  /** 32 hexadecimal digits; `undefined`: brokers before 3.1 do not tell. */
  readonly topicId?: string | undefined;
  /** -1: not known. */
  readonly leaderEpoch?: number;
  /** What this client may do with the topic; `undefined`: it did not ask, or brokers before 3.1 do not tell. */
  readonly operations?: readonly TopicOperation[] | undefined;
}

interface MetadataOptions {
  readonly topics: readonly string[];
  readonly allowAutoTopicCreation?: boolean;
}

type Patched = typeof metadata & { [patched]?: AsyncLocalStorage<true> };

/**
 * Has kafkajs ask brokers in a version that tells what it does not know of: the ids of topics, by which one made anew is told from the old one, and the epochs of
 * leaders. Idempotent; call it before the first client is made.
 */
export function patchMetadata(): void {
  const module = metadata as Patched;
  if (module[patched] !== undefined) return;
  const asking = (module[patched] = new AsyncLocalStorage<true>());
  const protocolOf = metadata.protocol;
  metadata.versions = [...metadata.versions, String(identifyingVersion)];
  metadata.protocol = ({ version }) => {
    if (version < identifyingVersion) return protocolOf({ version: Math.min(version, knownVersion) });
    return (options) => ({
      request: {
        apiKey,
        apiVersion: identifyingVersion,
        apiName: 'Metadata',
        encode: () => encode(options, asking.getStore() === true),
      },
      response: { decode: (answer) => Promise.resolve(decode(answer)), parse: (answer) => response.parse(answer) },
    });
  };
}

/** The brokers are asked, too, what this client may do with the topics that `work` asks for: that costs them a look at their permissions for each. */
export function askingForOperations<T>(work: () => Promise<T>): Promise<T> {
  return (metadata as Patched)[patched]?.run(true, work) ?? work();
}

async function encode(
  { topics, allowAutoTopicCreation = true }: MetadataOptions,
  asksForOperations: boolean,
): Promise<{ buf: Buffer; buffer: Buffer }> {
  const writer = new FlexibleWriter();
  // As kafkajs has it, none are all.
  writer.array(topics.length === 0 ? undefined : topics, (topic) => writer.uuid(undefined).text(topic).noTags());
  writer.boolean(allowAutoTopicCreation).boolean(asksForOperations).noTags();
  return { buf: writer.written, buffer: writer.written };
}

function decode(answer: Buffer): object {
  const reader = new FlexibleReader(answer);
  const clientSideThrottleTime = reader.int32();
  const brokers = reader.array(() => {
    const broker = { nodeId: reader.int32(), host: reader.text(), port: reader.int32(), rack: reader.text() };
    reader.tags();
    return broker;
  });
  const clusterId = reader.text();
  const controllerId = reader.int32();
  const topicMetadata = reader.array(() => readTopic(reader));
  return { throttleTime: 0, clientSideThrottleTime, brokers, clusterId, controllerId, topicMetadata };
}

function readTopic(reader: FlexibleReader): object {
  const topicErrorCode = reader.int16();
  const topic = reader.text();
  const topicId = reader.uuid();
  const isInternal = reader.boolean();
  const partitions = reader.array(() => readPartition(reader, topicId));
  const operations = operationsOf(reader.int32());
  reader.tags();
  // kafkajs hands on of a topic but its name and its partitions.
  const partitionMetadata = partitions.map((partition) => ({ ...partition, operations }));
  return { topicErrorCode, topic, isInternal, partitionMetadata };
}

function readPartition(reader: FlexibleReader, topicId: string | undefined): object {
  const nodes = (): number[] => reader.array(() => reader.int32());
  const partition = {
    partitionErrorCode: reader.int16(),
    partitionId: reader.int32(),
    leader: reader.int32(),
    leaderEpoch: reader.int32(),
    replicas: nodes(),
    isr: nodes(),
    offlineReplicas: nodes(),
    topicId,
  };
  reader.tags();
  return partition;
}
