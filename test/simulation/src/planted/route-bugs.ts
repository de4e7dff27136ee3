import { RoutingTable } from '@tidemark/control';
import { type BatchOutcome, type EventSourceHandler } from '@tidemark/pipeline';
import { SimEventSource } from '../kafka/sim-event-source.js';
import { patchMethod } from './patch.js';
import { type PlantedBug } from './planted-bug.js';

/** Partitions that are let go, and routes that are paused and moved, without a safeguard. */
export const routeBugs: readonly PlantedBug[] = [
  {
    name: 'a partition that is let go is committed to the end of its batch',
    hazard: 30,
    plant: () => answering((outcome, closing) => (closing?.aborted === true ? 'commit' : outcome)),
  },
  {
    name: 'events of a paused table are left out',
    hazard: 47,
    plant: () => answering((outcome) => (outcome === 'hold' ? 'commit' : outcome)),
  },
  {
    name: 'a move ends before the pods have followed',
    hazard: 31,
    plant: () =>
      patchMethod(
        RoutingTable.prototype,
        'list',
        (before) =>
          function (this: RoutingTable) {
            return before.call(this).map((route) => {
              return route.move === undefined ? route : { ...route, move: { ...route.move, until: 0 } };
            });
          },
      ),
  },
  {
    name: 'an admin ends only the moves that it has begun',
    hazard: 31,
    plant: () =>
      patchMethod(
        RoutingTable.prototype,
        'list',
        (before) =>
          function (this: RoutingTable) {
            const epoch = this.state.type === 'writer' ? this.state.epoch : 0;
            return before.call(this).filter(({ move, writerEpoch }) => move === undefined || writerEpoch === epoch);
          },
      ),
  },
];

/** What the dispatcher answers to a batch reaches its source as something else. */
function answering(told: (outcome: BatchOutcome, closing: AbortSignal | undefined) => BatchOutcome): () => void {
  return patchMethod(
    SimEventSource.prototype,
    'start',
    (before) =>
      function (this: SimEventSource, handler) {
        const onBatch: EventSourceHandler['onBatch'] = async (batch, signal, closing) =>
          told(await handler.onBatch(batch, signal, closing), closing);
        return before.call(this, { onAssigned: (places) => handler.onAssigned(places), onBatch });
      },
  );
}
