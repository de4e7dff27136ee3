/// <reference types="./kafkajs-internals.d.ts" />
import { type Cluster, type PartitionAssigner } from 'kafkajs';
import Broker, { type FetchAnswer, type FetchOptions, type FetchPartition } from 'kafkajs/src/broker/index.js';
import { patchFetchProtocol } from './fetch-by-id.js';
import { type FetchPlaces, type RefusedPlace } from './fetch-places.js';
import { isNamed, passOver, standsIn } from './follower-patch.js';
import { kafkaErrorType } from './kafka-error.js';
import { membershipOf } from './membership-patch.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const readersOfBrokers = Symbol.for('@tidemark/kafka/fetch-places');

/** The consumer that a broker object is of. */
interface Reader {
  readonly places: FetchPlaces;
  readonly cluster: object;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

type Patched = Broker & { [readersOfBrokers]?: WeakMap<object, Reader> };

/** Nothing may be asked for at present: time until the next look, ms. */
const idleMs = 50;

/**
 * Has consumers that `fetchingAt` was given ask for the very log that they have read, so that what came into its place is never taken for its
 * continuation: the topic by its id, the partition with the epoch of what was read last. kafkajs asks by name and offset. Idempotent; call it before the first
 * client is made.
 */
export function patchFetch(): void {
  const prototype = Broker.prototype as Patched;
  if (prototype[readersOfBrokers] !== undefined) return;
  const readers = new WeakMap<object, Reader>();
  prototype[readersOfBrokers] = readers;
  patchFetchProtocol();
  const fetch = Object.getOwnPropertyDescriptor(prototype, 'fetch')?.value as Broker['fetch'];
  prototype.fetch = async function (this: Broker, options: FetchOptions): Promise<FetchAnswer> {
    const reader = readers.get(this);
    if (reader === undefined) return fetch.call(this, options);
    const { places } = reader;
    const topics = placed(options.topics, places);
    if (topics.length === 0) return { responses: await places.idle(idleMs).then(() => []) };
    const answer = await fetch
      .call(this, { ...options, topics, ...withoutRack(this, reader, topics) })
      .catch((error) => failed(error, this, reader));
    const current = stillRead(answer, topics, places);
    tell(current, this, reader);
    return current;
  };
}

/** The same assigner, of a consumer that fetches at `places`: each of its brokers is known by its cluster, which kafkajs hands to assigners alone. */
export function fetchingAt(places: FetchPlaces, assigner: PartitionAssigner): PartitionAssigner {
  return (config) => {
    const cluster: Cluster = config.cluster;
    const find = cluster.findBroker.bind(cluster);
    cluster.findBroker = async (of) => {
      try {
        const broker = await find(of);
        (Broker.prototype as Patched)[readersOfBrokers]?.set(broker, { places, cluster });
        return broker;
      } catch (error) {
        passOver(cluster, Number(of.nodeId));
        throw error;
      }
    };
    return assigner(config);
  };
}

function withoutRack({ nodeId }: Broker, { cluster }: Reader, topics: FetchOptions['topics']): Partial<FetchOptions> {
  const membership = membershipOf(cluster);
  const isStandIn = topics.some(({ topic, partitions }) =>
    partitions.some(({ partition }) => membership !== undefined && standsIn(membership, nodeId, topic, partition)),
  );
  return isStandIn ? { rackId: '' } : {};
}

/**
 * What an answer says of the logs that are read by now. One that came late may be of a log that another has come in place of since, and its records would be taken
 * for that one's. Where the place is closed, that is to be looked up yet, while what is handed on now would be on its way. kafkajs asks again for what
 * it is not given, from where it stands: nothing is passed over.
 */
function stillRead(answer: FetchAnswer, asked: FetchOptions['topics'], places: FetchPlaces): FetchAnswer {
  const over = new Set<string>();
  for (const { topic, partitions } of asked)
    for (const { partition, place } of partitions)
      if (place?.topicId !== undefined && places.of(topic, partition)?.topicId !== place.topicId)
        over.add(`${topic}|${partition}`);
  if (over.size === 0) return answer;
  const isRead = ({ topic, partition }: Place): boolean => !over.has(`${topic}|${partition}`);
  const { responses, refused = [], nothing = [], empty = [] } = answer;
  return {
    ...answer,
    responses: responses.map(({ topicName: topic, partitions }) => ({
      topicName: topic,
      partitions: partitions.filter(({ partition }) => isRead({ topic, partition })),
    })),
    refused: refused.filter(isRead),
    nothing: nothing.filter(isRead),
    empty: empty.filter(isRead),
  };
}

function tell({ responses, refused = [], nothing = [], empty = [] }: FetchAnswer, broker: Broker, of: Reader): void {
  const { places, cluster } = of;
  for (const each of refused) {
    if (isOfFollower(each, broker, of)) passOver(cluster, broker.nodeId);
    places.onRefused(each);
  }
  for (const each of nothing) places.onNothing?.(each);
  for (const { topicName, partitions } of responses)
    for (const { partition, messages } of partitions) if (messages.length > 0) places.onRecords(topicName, partition);
  for (const { topic, partition } of empty) places.onRecords(topic, partition);
}

/** What a follower does not give, its leader may. */
function isOfFollower({ topic, partition, why }: RefusedPlace, { nodeId }: Broker, { cluster }: Reader): boolean {
  const membership = membershipOf(cluster);
  return why === 'not-given' && membership !== undefined && isNamed(membership, nodeId, topic, partition);
}

/** That an offset is out of range is said of one partition, and believed of its leader alone. */
function failed(error: unknown, { nodeId }: Broker, { cluster }: Reader): never {
  if (kafkaErrorType(error) === 'OFFSET_OUT_OF_RANGE') Object.assign(error as object, { nodeId });
  else passOver(cluster, nodeId);
  throw error;
}

/** Without the partitions that are not to be asked for now. */
function placed(topics: FetchOptions['topics'], places: FetchPlaces): FetchOptions['topics'] {
  return topics
    .map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.flatMap((each) => placedOne(topic, each, places)),
    }))
    .filter(({ partitions }) => partitions.length > 0);
}

function placedOne(topic: string, asked: FetchPartition, places: FetchPlaces): FetchPartition[] {
  const place = places.of(topic, asked.partition);
  return place === undefined ? [] : [{ ...asked, place }];
}
