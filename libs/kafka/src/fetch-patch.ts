/// <reference types="./kafkajs-internals.d.ts" />
import { type Cluster, type PartitionAssigner } from 'kafkajs';
import Broker, { type FetchAnswer, type FetchOptions, type FetchPartition } from 'kafkajs/src/broker/index.js';
import { patchFetchProtocol } from './fetch-by-id.js';
import { type FetchPlaces } from './fetch-places.js';

/** Shared through the global symbol registry: a process may hold this module twice, as ESM and as CommonJS. */
const placesOfBrokers = Symbol.for('@tidemark/kafka/fetch-places');

type Patched = Broker & { [placesOfBrokers]?: WeakMap<object, FetchPlaces> };

/** Nothing may be asked for at present: time until the next look, ms. */
const idleMs = 50;

/**
 * Has consumers that `fetchingAt` was given ask for the very log that they have read, so that what came into its place is never taken for its
 * continuation: the topic by its id, the partition with the epoch of what was read last. kafkajs asks by name and offset. Idempotent; call it before the first
 * client is made.
 */
export function patchFetch(): void {
  const prototype = Broker.prototype as Patched;
  if (prototype[placesOfBrokers] !== undefined) return;
  const placesOf = new WeakMap<object, FetchPlaces>();
  prototype[placesOfBrokers] = placesOf;
  patchFetchProtocol();
  const fetch = Object.getOwnPropertyDescriptor(prototype, 'fetch')?.value as Broker['fetch'];
  prototype.fetch = async function (this: Broker, options: FetchOptions): Promise<FetchAnswer> {
    const places = placesOf.get(this);
    if (places === undefined) return fetch.call(this, options);
    const topics = placed(options.topics, places);
    if (topics.length === 0) return { responses: await places.idle(idleMs).then(() => []) };
    const answer = await fetch.call(this, { ...options, topics });
    for (const refused of answer.refused ?? []) places.onRefused(refused);
    return answer;
  };
}

/** The same assigner, of a consumer that fetches at `places`: each of its brokers is known by its cluster, which kafkajs hands to assigners alone. */
export function fetchingAt(places: FetchPlaces, assigner: PartitionAssigner): PartitionAssigner {
  return (config) => {
    const cluster: Cluster = config.cluster;
    const find = cluster.findBroker.bind(cluster);
    cluster.findBroker = async (of) => {
      const broker = await find(of);
      (Broker.prototype as Patched)[placesOfBrokers]?.set(broker, places);
      return broker;
    };
    return assigner(config);
  };
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
