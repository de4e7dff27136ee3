import { Coherence, FeedFollower, TableFollower } from '@tidemark/cache/internals';
import { MemoryTable } from '@tidemark/cache/testing';
import { decodeRecord } from '@tidemark/protocol';
import { SimStore } from '../aws/sim-store.js';
import { SimEventPublisher } from '../kafka/sim-event-publisher.js';
import { SimPodRegistry } from '../kafka/sim-pod-registry.js';
import { patchMethod } from './patch.js';
import { type PlantedBug } from './planted-bug.js';

/** Loads, conditional writes, tokens, bounds, visibility and invalidations, each without what it stands on. */
export const callBugs: readonly PlantedBug[] = [
  { name: 'what was loaded is put', hazard: 56, plant: asking('leased') },
  {
    name: 'a deletion leaves the lease of a load in place',
    hazard: 61,
    plant: () =>
      patchMethod(
        MemoryTable.prototype,
        'put',
        (before) =>
          function (this: MemoryTable, image, condition) {
            const { leaseId } = (this.item(image.key) ?? {}) as { readonly leaseId?: { readonly S?: string } };
            const keeps = image.tombstone && leaseId?.S !== undefined;
            return before.call(this, keeps ? { ...image, leaseId: leaseId.S ?? null } : image, condition);
          },
      ),
  },
  { name: 'what is to be added overwrites', hazard: 53, plant: asking('absent') },
  { name: 'the version that was asked for is not looked at', hazard: 53, plant: asking('matches') },
  {
    name: 'a tombstone has no write id',
    hazard: 12,
    plant: () =>
      patchMethod(
        MemoryTable.prototype,
        'put',
        (before) =>
          function (this: MemoryTable, image, condition) {
            return before.call(this, image.tombstone ? { ...image, writeId: null } : image, condition);
          },
      ),
  },
  {
    name: 'every write counts as seen',
    hazard: 44,
    plant: () => patchMethod(Coherence.prototype, 'hasSeen', () => () => true),
  },
  {
    name: 'every entry counts as right just now',
    hazard: 55,
    plant: () => patchMethod(TableFollower.prototype, 'watermarkOf', () => () => Number.MAX_SAFE_INTEGER),
  },
  {
    name: 'nobody is waited for',
    hazard: 64,
    plant: () =>
      patchMethod(
        SimPodRegistry.prototype,
        'read',
        (before) =>
          async function (this: SimPodRegistry, call) {
            return { ...(await before.call(this, call)), pods: [] };
          },
      ),
  },
  {
    name: 'registering keeps what was read before',
    hazard: 64,
    plant: () => patchMethod(FeedFollower.prototype, 'onRegistered', () => () => undefined),
  },
  {
    name: 'an invalidation leaves L1 as it is',
    hazard: 35,
    plant: () => patchMethod(Coherence.prototype, 'invalidate', () => () => undefined),
  },
  {
    name: 'an invalidation is not told',
    hazard: 35,
    plant: () =>
      patchMethod(
        SimEventPublisher.prototype,
        'publish',
        (before) =>
          async function (this: SimEventPublisher, table, records, call) {
            const isOrder = (record: (typeof records)[number]): boolean => {
              const decoded = decodeRecord(record);
              return decoded.type === 'control' && decoded.record.control === 'invalidate' && !decoded.record.report;
            };
            return before.call(
              this,
              table,
              records.filter((record) => !isOrder(record)),
              call,
            );
          },
      ),
  },
];

/** A condition of this kind asks for a lower write id and for nothing else. */
function asking(type: 'leased' | 'absent' | 'matches'): () => () => void {
  return () =>
    patchMethod(
      SimStore.prototype,
      'put',
      (before) =>
        function (this: SimStore, table, image, condition, call) {
          const { writeId } = image;
          const isMeant = condition.type === type && writeId !== null;
          return before.call(this, table, image, isMeant ? { type: 'newer', than: writeId as never } : condition, call);
        },
    );
}
