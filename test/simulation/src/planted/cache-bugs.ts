import { Coherence, FeedFollower, KnownSet, PartitionState, TableFollower } from '@tidemark/cache/internals';
import { isForeign } from '@tidemark/protocol';
import { epochMs } from '../time/sim-process.js';
import { patchMethod, together } from './patch.js';
import { type PlantedBug } from './planted-bug.js';

/** A pod without one of its safeguards. */
export const cacheBugs: readonly PlantedBug[] = [
  {
    name: 'a fill has no fence',
    hazard: 1,
    plant: () =>
      patchMethod(
        Coherence.prototype,
        'completeFill',
        (before) =>
          function (this: Coherence, fence, image) {
            this.abandonFill(fence);
            before.call(this, this.beginFill(fence.key), image);
          },
      ),
  },
  {
    name: 'a put has no fence',
    hazard: 10,
    plant: () =>
      patchMethod(
        Coherence.prototype,
        'completePut',
        (before) =>
          function (this: Coherence, fence, image) {
            this.cancelWrite(fence);
            before.call(this, this.beginWrite(fence.key, fence.writeId), image);
          },
      ),
  },
  {
    name: 'dirty fills are joined',
    hazard: 21,
    plant: () => patchMethod(Coherence.prototype, 'joinable', () => () => true),
  },
  {
    name: 'a fenced fill leaves an entry that differs',
    hazard: 22,
    plant: () =>
      patchMethod(
        Coherence.prototype,
        'completeFill',
        (before) =>
          function (this: Coherence, fence, image) {
            if (this.joinable(fence) && fence.followed) before.call(this, fence, image);
            else this.abandonFill(fence);
          },
      ),
  },
  {
    name: 'an event creates an entry',
    hazard: 23,
    plant: installing((entry) => entry === undefined),
  },
  {
    name: 'a cached absence is trusted',
    hazard: 19,
    plant: installing((entry, from) => entry !== undefined && entry.value === undefined && from === null),
  },
  {
    name: 'no write id equals no write id',
    hazard: 43,
    plant: installing((entry, from) => entry?.value !== undefined && entry.writeId === null && from === null),
  },
  {
    name: 'foreign events are treated as ordinary',
    hazard: 15,
    plant: () =>
      patchMethod(
        Coherence.prototype,
        'applyEvent',
        (before) =>
          function (this: Coherence, key, event) {
            const isKept = isForeign(event) && event.to !== null;
            return before.call(this, key, isKept ? { ...event, from: null } : event);
          },
      ),
  },
  {
    name: 'the highest write id wins',
    hazard: 7,
    plant: () =>
      patchMethod(
        Coherence.prototype,
        'applyEvent',
        (before) =>
          function (this: Coherence, key, event) {
            const held = this.peek(key)?.writeId ?? '';
            if (event.to !== null && event.to < held) return { action: 'keep', rule: 8 };
            return before.call(this, key, event);
          },
      ),
  },
  { name: 'writes of unknown outcome are known', hazard: 44, plant: knowingAmbiguousWrites },
  {
    name: 'a flush keeps what is in flight',
    hazard: 45,
    plant: () => patchMethod(PartitionState.prototype, 'raiseGeneration', () => () => undefined),
  },
  {
    name: 'a gap flushes nothing',
    hazard: 26,
    plant: () => patchMethod(FeedFollower.prototype, 'onGap', () => () => undefined),
  },
  {
    name: 'stamps have no margin',
    hazard: 5,
    plant: () =>
      patchMethod(
        Coherence.prototype,
        'applyEvent',
        (before) =>
          function (this: Coherence, key, event) {
            const stampUs = event.stampUs === null ? null : stampZeroUs + (event.stampUs - stampZeroUs) * 5_000_001;
            return before.call(this, key, { ...event, stampUs });
          },
      ),
  },
  {
    name: 'the fast lane carries stamps',
    hazard: 46,
    plant: () =>
      patchMethod(
        Coherence.prototype,
        'applyEvent',
        (before) =>
          function (this: Coherence, key, event) {
            const { lane, to } = event;
            // The time that the writer's clock had put into the write id.
            const stampUs =
              lane === 'fast' && to !== null ? Number.parseInt(to.slice(0, 12), 16) * 1_000 + 6_000_000 : event.stampUs;
            return before.call(this, key, { ...event, stampUs });
          },
      ),
  },
  {
    name: 'since is ignored',
    hazard: 47,
    plant: () =>
      patchMethod(TableFollower.prototype, 'applyWatermark', (before) => {
        const first = new WeakMap<TableFollower, Map<string, number>>();
        return function (this: TableFollower, topic, partition, at, since) {
          const known = first.get(this) ?? new Map<string, number>();
          first.set(this, known);
          const place = `${topic}:${partition}`;
          if (!known.has(place)) known.set(place, since);
          before.call(this, topic, partition, at, known.get(place) ?? since);
        };
      }),
  },
  {
    name: 'a flush keeps its entries',
    hazard: 36,
    plant: () => patchMethod(Coherence.prototype, 'flush', () => () => 0),
  },
  {
    name: 'a flush of the table is not heard',
    hazard: 35,
    plant: () =>
      patchMethod(
        TableFollower.prototype,
        'flushPartition',
        (before) =>
          function (this: TableFollower, topic, partition, reason) {
            if (!reason.startsWith('flush-table')) before.call(this, topic, partition, reason);
          },
      ),
  },
  {
    name: 'an invalidation is not heard',
    hazard: 35,
    plant: () => patchMethod(TableFollower.prototype, 'invalidate', () => () => undefined),
  },
];

const stampZeroUs = (epochMs - 60_000) * 1_000;

type Held = ReturnType<Coherence['peek']>;

/** Events install their image where the shipped rule would not. */
export function installing(when: (held: Held, from: string | null, to: string | null) => boolean): () => () => void {
  return () =>
    patchMethod(
      Coherence.prototype,
      'applyEvent',
      (before) =>
        function (this: Coherence, key, event) {
          const held = this.peek(key);
          const verdict = before.call(this, key, event);
          const isOwn = event.value !== null && !isForeign(event) && verdict.rule !== 2;
          if (!isOwn || !when(held, event.from, event.to)) return verdict;
          const value: unknown = JSON.parse(Buffer.from(event.value).toString());
          const image = { value, writeId: event.to, expiresAt: 0, readAt: 1, bytes: 1 };
          this.completeFill(this.beginFill(key), image);
          return verdict;
        },
    );
}

/** The known-set holds writes that nobody has acknowledged. */
function knowingAmbiguousWrites(): () => void {
  const ambiguous = new WeakMap<Coherence, Set<string>>();
  let present: ReadonlySet<string> | undefined;
  return together(
    () =>
      patchMethod(
        Coherence.prototype,
        'failWrite',
        (before) =>
          function (this: Coherence, fence) {
            before.call(this, fence);
            const ids = ambiguous.get(this) ?? new Set();
            ambiguous.set(this, ids);
            if (fence.writeId !== undefined) ids.add(fence.writeId);
          },
      ),
    () =>
      patchMethod(
        Coherence.prototype,
        'applyEvent',
        (before) =>
          function (this: Coherence, key, event) {
            present = ambiguous.get(this);
            return before.call(this, key, event);
          },
      ),
    () =>
      patchMethod(
        KnownSet.prototype,
        'has',
        (before) =>
          function (this: KnownSet, writeId) {
            const isAmbiguous = writeId !== null && present?.has(writeId) === true;
            return isAmbiguous || before.call(this, writeId);
          },
      ),
  )();
}
