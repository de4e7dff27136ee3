import { TableFollower } from '@tidemark/cache/internals';
import { Lane } from '@tidemark/kafka/internals';
import { type EventSourceHandler } from '@tidemark/pipeline';
import { type Route } from '@tidemark/protocol';
import { SimEventSource } from '../kafka/sim-event-source.js';
import { installing } from './cache-bugs.js';
import { patchMethod } from './patch.js';
import { type PlantedBug } from './planted-bug.js';

/** Routes that are rewound, and topics that are not for everybody, without a safeguard. */
export const rewindBugs: readonly PlantedBug[] = [
  {
    name: 'a commit forgets the rewind before it',
    hazard: 30,
    plant: () => passing((lane) => (lane.note = undefined)),
  },
  {
    name: 'a rewind is never over',
    hazard: 30,
    plant: () =>
      passing((lane, before) => {
        if (lane.note !== undefined && before !== undefined) lane.note = { ...lane.note, until: before.until };
      }),
  },
  {
    name: 'a rewind counts records as handled that are still to come',
    hazard: 30,
    plant: () =>
      patchMethod(
        Lane.prototype,
        'goBack',
        (before) =>
          function (this: Lane, { offset, note }) {
            before.call(this, { offset, note: { ...note, until: note.until + 1_000n } });
          },
      ),
  },
  {
    name: 'a member goes on after what it has handled, be it rewound meanwhile or not',
    hazard: 30,
    plant: () =>
      patchMethod(
        Lane.prototype,
        'resume',
        (before) =>
          function (this: Lane, committed, note, previous, handledAsMember) {
            before.call(this, committed, note, previous, handledAsMember);
            if ((previous?.next ?? 0n) > (this.next ?? 0n)) this.next = previous?.next;
          },
      ),
  },
  { name: 'a replay brings the fast lane back', hazard: 16, plant: hidingRewinds },
  {
    name: 'an event that comes again is applied as new',
    hazard: 16,
    plant: installing((held, _from, to) => to !== null && to < (held?.writeId ?? '')),
  },
  {
    name: 'pods follow the topic that was added last, whoever it is for',
    hazard: 31,
    plant: () =>
      patchMethod(
        TableFollower.prototype,
        'applyRoute',
        (before) =>
          function (this: TableFollower, route) {
            return before.call(this, forEverybody(route));
          },
      ),
  },
];

/** Does something to a lane that has just gone on. */
function passing(act: (lane: Lane, before: Lane['note']) => void): () => void {
  return patchMethod(
    Lane.prototype,
    'pass',
    (before) =>
      function (this: Lane, offset, records) {
        const { note } = this;
        before.call(this, offset, records);
        if (offset !== undefined) act(this, note);
      },
  );
}

/** The dispatcher is not told that what it gets was handled before. */
function hidingRewinds(): () => void {
  return patchMethod(
    SimEventSource.prototype,
    'start',
    (before) =>
      function (this: SimEventSource, handler) {
        const onBatch: EventSourceHandler['onBatch'] = ({ rewind: _hidden, ...batch }, signal, closing) =>
          handler.onBatch(batch, signal, closing);
        return before.call(this, { onAssigned: (places) => handler.onAssigned(places), onBatch });
      },
  );
}

function forEverybody({ limited = {}, ...route }: Route): Route {
  const sinces = Object.entries(limited).map(([topic, { since }]) => [topic, since] as const);
  return { ...route, topics: { ...route.topics, ...Object.fromEntries(sinces) } };
}
