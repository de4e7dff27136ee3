import { FollowedTopics, GroupPlaces, Lane, TailDelivery } from '@tidemark/kafka/internals';
import { SimGroup } from '../kafka/sim-group.js';
import { names } from '../world/names.js';
import { patchMethod } from './patch.js';
import { type PlantedBug } from './planted-bug.js';

/** Logs that become others, without what tells them apart, or without what is made of it. */
export const logBugs: readonly PlantedBug[] = [
  {
    name: 'a pod reads its topics by their names alone',
    hazard: 52,
    plant: () => tailing((place, topic) => (topic === names.routes ? place : { ...place, topicId: undefined })),
  },
  {
    name: 'the routing topic is read by its name alone',
    hazard: 52,
    plant: () => tailing((place, topic) => (topic === names.routes ? { ...place, topicId: undefined } : place)),
  },
  {
    name: 'a pod does not say of which leader it has read',
    hazard: 52,
    plant: () => tailing((place) => ({ ...place, leaderEpoch: undefined })),
  },
  {
    name: 'the group reads its topics by their names alone',
    hazard: 52,
    plant: () => grouping((place) => ({ ...place, topicId: undefined })),
  },
  {
    name: 'the group does not say of which leader it has read',
    hazard: 52,
    plant: () => grouping((place) => ({ ...place, leaderEpoch: undefined })),
  },
  {
    name: 'a pod is not told that a topic has begun anew',
    hazard: 52,
    plant: () =>
      patchMethod(
        FollowedTopics.prototype,
        'survey',
        (before) =>
          async function (this: FollowedTopics, admin, topics) {
            const mend = patchMethod(TailDelivery.prototype, 'gap', () => () => undefined);
            await before.call(this, admin, topics).finally(mend);
          },
      ),
  },
  {
    name: 'the dispatcher is not told that a topic has begun anew',
    hazard: 52,
    plant: () => restarting((lane) => (lane.reset = false)),
  },
  {
    name: 'what is at work in a log is committed over the one that came after it',
    hazard: 52,
    plant: () => restarting((lane) => (lane.epoch -= 1)),
  },
  {
    name: 'what is noted of a rewind outlives its log',
    hazard: 30,
    plant: () =>
      patchMethod(
        Lane.prototype,
        'pass',
        (before) =>
          function (this: Lane, offset, records) {
            if (offset !== undefined) before.call(this, offset, records);
          },
      ),
  },
  {
    name: 'a commit does not say in which log it lies',
    hazard: 52,
    plant: () =>
      patchMethod(
        SimGroup.prototype,
        'metadataOf',
        (before) =>
          function (this: SimGroup, place) {
            return before.call(this, place)?.replace(/;?topic=.*$/, '') ?? null;
          },
      ),
  },
];

type Place = NonNullable<ReturnType<FollowedTopics['placeOf']>>;

/** Where a process reads of its own is told as another place, the same one while it is the same. */
function tailing(told: (place: Place, topic: string) => Place): () => void {
  return patchMethod(FollowedTopics.prototype, 'placeOf', (before) => {
    const toldOf = remembering(told);
    return function (this: FollowedTopics, topic, partition) {
      const place = before.call(this, topic, partition);
      return place === undefined ? undefined : toldOf(place, topic);
    };
  });
}

function grouping(told: (place: Place, topic: string) => Place): () => void {
  return patchMethod(GroupPlaces.prototype, 'of', (before) => {
    const toldOf = remembering(told);
    return function (this: GroupPlaces, topic, partition) {
      const place = before.call(this, topic, partition);
      return place === undefined ? undefined : toldOf(place, topic);
    };
  });
}

function remembering(told: (place: Place, topic: string) => Place): typeof told {
  const known = new WeakMap<Place, Place>();
  return (place, topic) => {
    const found = known.get(place) ?? told(place, topic);
    known.set(place, found);
    return found;
  };
}

/** Does something to a lane that has just begun anew. */
function restarting(act: (lane: Lane) => void): () => void {
  return patchMethod(
    Lane.prototype,
    'restart',
    (before) =>
      function (this: Lane) {
        before.call(this);
        act(this);
      },
  );
}
