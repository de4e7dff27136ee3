/// <reference types="./kafkajs-internals.d.ts" />
import BrokerPool from 'kafkajs/src/cluster/brokerPool.js';
import Cluster, { type OffsetsOfTopic, type TopicMetadata } from 'kafkajs/src/cluster/index.js';
import protocolError from 'kafkajs/src/protocol/error.js';
import metadata from 'kafkajs/src/protocol/requests/metadata/index.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const patched = Symbol.for('@tidemark/kafka/partial-answer-patch');

const topicDeniedCode = 29;
const replicaNotAvailableCode = 9;
/** What brokers, and kafkajs, call the leader of a partition that has none. */
const noLeader = -1;
/** What kafkajs calls an offset that is not known: a consumer asks for it again before its next fetch. */
const unknownOffset = '-1';
/** Where a partition has no leader, metadata is asked for again after this, ms. */
const leaderlessAgeMs = 1_000;

/**
 * Makes what ails one topic or partition the trouble of that one alone.
 *
 * Of its own, kafkajs throws an answer about topics away where one partition of it has no leader, or where one topic may not be looked at: a consumer
 * of a hundred topics gives up for one of them, a list of all topics for a topic of somebody else, and a producer tells whoever sends at the time that
 * it is not allowed to. Instead, a partition without a leader is one whose offsets nobody knows, and a topic that may not be looked at
 * has no partitions, unless it is the only one that was asked for. Leaders that are missing are asked for again each second. Idempotent; call it before the first client is made, behind `patchMetadata`.
 */
export function patchPartialAnswers(): void {
  const prototype = Cluster.prototype as Cluster & { [patched]?: true };
  if (prototype[patched] === true) return;
  prototype[patched] = true;
  patchProtocol();
  patchAge();
  patchTargets(prototype);
  patchOffsets(prototype);
}

interface Answer {
  readonly topicMetadata: readonly TopicMetadata[];
}

function patchProtocol(): void {
  const protocolOf = metadata.protocol;
  metadata.protocol = (of) => {
    const made = protocolOf(of);
    return (options) => {
      const { request, response } = made(options);
      const parse = (answer: object): Promise<object> => response.parse(withoutTroubles(answer as Answer));
      return { request, response: { ...response, parse } };
    };
  };
}

function withoutTroubles(answer: Answer): Answer {
  const { topicMetadata } = answer;
  const isOneOfMany = topicMetadata.length > 1;
  return {
    ...answer,
    topicMetadata: topicMetadata.map((topic) => {
      const { topicErrorCode } = topic;
      if (topicErrorCode === topicDeniedCode && isOneOfMany)
        return { ...topic, topicErrorCode: 0, partitionMetadata: [], refusedCode: topicErrorCode };
      return { ...topic, partitionMetadata: topic.partitionMetadata.map(withoutTrouble) };
    }),
  };
}

type PartitionMetadata = TopicMetadata['partitionMetadata'][number];

function withoutTrouble(partition: PartitionMetadata): PartitionMetadata {
  const { partitionErrorCode } = partition;
  if (partitionErrorCode === 0) return partition;
  // A leader that lacks a replica leads.
  const leader = partitionErrorCode === replicaNotAvailableCode ? partition.leader : noLeader;
  return { ...partition, partitionErrorCode: 0, leader };
}

/** Of its own, kafkajs asks again when metadata is old, after five minutes by default: here, nothing else tells a reader that there is a leader again. */
function patchAge(): void {
  const { prototype } = BrokerPool;
  const refresh = Object.getOwnPropertyDescriptor(prototype, 'refreshMetadata')?.value as BrokerPool['refreshMetadata'];
  prototype.refreshMetadata = async function (this: BrokerPool, topics: readonly string[]): Promise<void> {
    await refresh.call(this, topics);
    const isLed = this.metadata?.topicMetadata.every(({ partitionMetadata }) =>
      partitionMetadata.every(({ leader }) => leader !== noLeader),
    );
    if (isLed === true) return;
    this.metadataExpireAt = Math.min(this.metadataExpireAt ?? Infinity, Date.now() + leaderlessAgeMs);
  };
}

/** Whoever asks for one topic, as each send does, is told why it has no partitions. */
function patchTargets(prototype: Cluster): void {
  const add = methodOf(prototype, 'addMultipleTargetTopics');
  prototype.addMultipleTargetTopics = async function (this: Cluster, topics: readonly string[]): Promise<void> {
    await add.call(this, topics);
    if (topics.length !== 1) return;
    const known = this.brokerPool.metadata?.topicMetadata.find(({ topic }) => topic === topics[0]);
    if (known?.refusedCode !== undefined) throw protocolError.createErrorFromCode(known.refusedCode);
  };
}

/** A consumer may begin although nobody can say where such a partition begins or ends. */
function patchOffsets(prototype: Cluster): void {
  const ask = methodOf(prototype, 'fetchTopicsOffset');
  prototype.fetchTopicsOffset = async function (this: Cluster, topics): Promise<OffsetsOfTopic[]> {
    const isLed = (topic: string, partition: number): boolean => {
      const [leader = noLeader] = Object.keys(this.findLeaderForPartitions(topic, [partition]));
      return Number(leader) !== noLeader;
    };
    const unled = topics.map(({ topic, partitions }) => partitions.filter(({ partition }) => !isLed(topic, partition)));
    const led = topics.map((of, index) => ({
      ...of,
      partitions: of.partitions.filter((each) => unled[index]?.includes(each) !== true),
    }));
    const answer = new Map((await ask.call(this, led)).map(({ topic, partitions }) => [topic, partitions]));
    return topics.map(({ topic }, index) => ({
      topic,
      partitions: [
        ...(answer.get(topic) ?? []),
        ...(unled[index] ?? []).map(({ partition }) => ({ partition, offset: unknownOffset })),
      ],
    }));
  };
}

type Method = 'addMultipleTargetTopics' | 'fetchTopicsOffset';

function methodOf<Name extends Method>(prototype: Cluster, name: Name): Cluster[Name] {
  return Object.getOwnPropertyDescriptor(prototype, name)?.value as Cluster[Name];
}
