import { type ItemImage, type Route } from '@tidemark/protocol';
import { isTidemarkError } from '@tidemark/runtime';
import { SimStore } from '../aws/sim-store.js';
import { SimLeaseStore } from '../aws/sim-lease-store.js';
import { SimShardReader } from '../aws/sim-shard-reader.js';
import { SimEventSource } from '../kafka/sim-event-source.js';
import { SimProducer } from '../kafka/sim-producer.js';
import { SimPodFeed } from '../kafka/sim-pod-feed.js';
import { SimRouteStore } from '../kafka/sim-route-store.js';
import { names } from '../world/names.js';
import { World } from '../world/world.js';
import { patchMethod, together } from './patch.js';
import { type PlantedBug } from './planted-bug.js';

/** Something around the cache that does not keep what its port promises, or sync and dispatcher without a safeguard. */
export const backendBugs: readonly PlantedBug[] = [
  { name: 'fills read an eventually consistent replica', hazard: 2, plant: readingWeakly },
  {
    name: 'a write is sent again under the same id',
    hazard: 11,
    plant: () =>
      patchMethod(
        SimStore.prototype,
        'put',
        (before) =>
          async function (this: SimStore, table, image, condition, call) {
            try {
              return await before.call(this, table, image, condition, call);
            } catch (error) {
              if (!isTidemarkError(error, 'AMBIGUOUS_WRITE')) throw error;
              return before.call(this, table, image, condition, call);
            }
          },
      ),
  },
  {
    name: 'an ambiguous write is made again under a new id',
    hazard: 53,
    plant: () =>
      patchMethod(
        SimStore.prototype,
        'put',
        (before) =>
          async function (this: SimStore, table, image, condition, call) {
            try {
              return await before.call(this, table, image, condition, { ...call, timeoutMs: call.timeoutMs / 4 });
            } catch (error) {
              if (!isTidemarkError(error, 'AMBIGUOUS_WRITE')) throw error;
              return { type: 'refused', old: undefined };
            }
          },
      ),
  },
  {
    name: 'sync checkpoints before Kafka has acknowledged',
    hazard: 30,
    plant: () =>
      patchMethod(
        SimProducer.prototype,
        'send',
        (before) =>
          async function (this: SimProducer, topic, records, signal) {
            const sent = before.call(this, topic, records, signal);
            if (!topic.startsWith(names.cdc(''))) return sent;
            sent.catch(() => undefined);
          },
      ),
  },
  {
    name: 'a closing page claims that the shard is read',
    hazard: 49,
    plant: together(claimingOnTheClosingPage, listingLate),
  },
  { name: 'the watermark is the highest claim', hazard: 50, plant: claimingTheHighest },
  {
    name: 'sync does not notice that records have left the stream',
    hazard: 36,
    plant: () =>
      patchMethod(
        SimShardReader.prototype,
        'describe',
        (before) =>
          async function (this: SimShardReader, signal) {
            return { ...(await before.call(this, signal)), retentionMs: 86_400_000 };
          },
      ),
  },
  {
    name: 'the dispatcher does not notice a gap',
    hazard: 36,
    plant: () =>
      patchMethod(
        SimEventSource.prototype,
        'start',
        (before) =>
          function (this: SimEventSource, handler) {
            const onBatch: typeof handler.onBatch = (batch, signal, closing) =>
              handler.onBatch({ ...batch, afterGap: false }, signal, closing);
            return before.call(this, { onAssigned: (places) => handler.onAssigned(places), onBatch });
          },
      ),
  },
  {
    name: 'the dispatcher commits before the pods’ topics have acknowledged',
    hazard: 30,
    plant: () =>
      patchMethod(
        SimEventSource.prototype,
        'start',
        (before) =>
          function (this: SimEventSource, handler) {
            const onBatch: typeof handler.onBatch = async (batch, signal, closing) => {
              void handler.onBatch(batch, signal, closing).catch(() => undefined);
              return 'commit';
            };
            return before.call(this, { onAssigned: (places) => handler.onAssigned(places), onBatch });
          },
      ),
  },
  {
    name: 'routes are not read at an assignment',
    hazard: 47,
    plant: () => patchMethod(SimRouteStore.prototype, 'barrier', () => async () => undefined),
  },
  {
    name: 'a topic comes back with its old since',
    hazard: 66,
    plant: together(returningWithItsOldSince(SimRouteStore.prototype), returningWithItsOldSince(SimPodFeed.prototype)),
  },
  {
    name: 'pods follow another region than they read',
    hazard: 37,
    plant: () =>
      patchMethod(
        World.prototype,
        'followedBy',
        (before) =>
          function (this: World, region) {
            return before.call(this, region === 'eu' ? 'us' : 'eu');
          },
      ),
  },
];

/** A reader of routes that gives each topic the first `since` that it had. */
function returningWithItsOldSince(prototype: SimRouteStore | SimPodFeed): () => () => void {
  return () =>
    patchMethod(prototype as SimRouteStore, 'routeFrom', (before) => {
      const first = new WeakMap<object, Map<string, number>>();
      return function (this: SimRouteStore, value): Route | undefined {
        const route = before.call(this, value);
        if (route === undefined) return undefined;
        const known = first.get(this) ?? new Map<string, number>();
        first.set(this, known);
        const topics = Object.entries(route.topics).map(
          ([topic, since]) => [topic, known.get(topic) ?? since] as const,
        );
        for (const [topic, since] of topics) known.set(topic, since);
        return { ...route, topics: Object.fromEntries(topics) };
      };
    });
}

/** A read answers with what the replica held at this pod's read before. */
function readingWeakly(): () => void {
  return patchMethod(SimStore.prototype, 'read', (before) => {
    const seenBy = new WeakMap<SimStore, Map<string, ItemImage | undefined>>();
    return async function (this: SimStore, table, itemKey, call) {
      const seen = seenBy.get(this) ?? new Map<string, ItemImage | undefined>();
      seenBy.set(this, seen);
      const image = await before.call(this, table, itemKey, call);
      const older = seen.has(itemKey) ? seen.get(itemKey) : image;
      seen.set(itemKey, image);
      return older;
    };
  });
}

/** The page that closes a shard is told as if the shard went on, as are the next two. */
function claimingOnTheClosingPage(): () => void {
  return patchMethod(
    SimShardReader.prototype,
    'open',
    (before) =>
      function (this: SimShardReader, shardId, position) {
        const cursor = before.call(this, shardId, position);
        let pages = 0;
        return {
          askedSinceMs: null,
          read: async (signal) => {
            const page = await cursor.read(signal);
            if (page.closed) pages += 1;
            return page.closed && pages < 4 ? { ...page, closed: false, millisBehindLatest: 0 } : page;
          },
        };
      },
  );
}

/** Every row says what the best of them says. */
function claimingTheHighest(): () => void {
  return patchMethod(
    SimLeaseStore.prototype,
    'list',
    (before) =>
      async function (this: SimLeaseStore, signal) {
        const rows = await before.call(this, signal);
        const claims = rows.flatMap(({ readUpTo }) => readUpTo ?? []);
        return rows.map((row) => ({ ...row, readUpTo: claims.length === 0 ? null : Math.max(...claims) }));
      },
  );
}

/** A shard that is new to the stream is in none of the first listings: what else keeps a watermark from running ahead of it sees nothing. */
function listingLate(): () => void {
  return patchMethod(SimShardReader.prototype, 'listShards', (before) => {
    const listings = new WeakMap<SimShardReader, Map<string, number>>();
    return async function (this: SimShardReader, signal) {
      const isFirst = !listings.has(this);
      const seen = listings.get(this) ?? new Map<string, number>();
      listings.set(this, seen);
      const shards = await before.call(this, signal);
      for (const { shardId } of shards) seen.set(shardId, (seen.get(shardId) ?? (isFirst ? 10 : 0)) + 1);
      return shards.filter(({ shardId }) => (seen.get(shardId) ?? 0) > 6);
    };
  });
}
