import assert from 'node:assert/strict';
import { type ItemImage } from '@tidemark/protocol';
import { type WriteOutcome } from '../../backend.js';
import {
  absent,
  bareAt,
  type Cases,
  claim,
  claimed,
  imageAt,
  matches,
  newer,
  now,
  patient,
  sameImage,
  sameOutcome,
  tombstoneAt,
  writeIdAt,
} from './expectations.js';

/** Writes that depend on whether a value lives, and on which. */
export function conditionCases(): Cases {
  return { ...absentCases(), ...matchesCases() };
}

function absentCases(): Cases {
  return {
    'puts what is absent: where nothing is': async ({ store, table }, key) => {
      const outcome = await store.put(table, imageAt(key, 1), absent(1), patient);
      sameOutcome(outcome, { type: 'committed', old: undefined });
      sameImage(await store.read(table, key, patient), imageAt(key, 1));
    },
    'hazard 20: puts what is absent where a value has expired, and not a second earlier': async (subject, key) => {
      const { store, table } = subject;
      const lasting = imageAt(key, 1, { expiresAt: now + 1 });
      await store.put(table, lasting, newer(1), patient);
      sameOutcome(await store.put(table, imageAt(key, 2), absent(2), patient), { type: 'refused', old: lasting });
      const expired = imageAt(key, 3, { expiresAt: now });
      await store.put(table, expired, newer(3), patient);
      sameOutcome(await store.put(table, imageAt(key, 4), absent(4), patient), { type: 'committed', old: expired });
      sameImage(await store.read(table, key, patient), imageAt(key, 4));
    },
    'puts what is absent over a tombstone, and clears a lease with it': async ({ store, table }, key) => {
      const tombstone = tombstoneAt(key, 1);
      await store.put(table, tombstone, newer(1), patient);
      const lease = claim('l-1');
      await store.acquireLease(table, key, lease, patient);
      const outcome = await store.put(table, imageAt(key, 2), absent(2), patient);
      sameOutcome(outcome, { type: 'committed', old: claimed(tombstone, lease) });
      sameImage(await store.read(table, key, patient), imageAt(key, 2));
    },
    'puts nothing where a value lives, however old, and tells it': async ({ store, table }, key) => {
      const live = imageAt(key, 1);
      await store.put(table, live, newer(1), patient);
      sameOutcome(await store.put(table, imageAt(key, 9), absent(9), patient), { type: 'refused', old: live });
      sameOutcome(await store.delete(table, key, absent(9), patient), { type: 'refused', old: live });
      sameImage(await store.read(table, key, patient), live);
    },
    'hazard 12: puts nothing over a newer tombstone, and tells it': async ({ store, table }, key) => {
      const tombstone = tombstoneAt(key, 5);
      await store.put(table, tombstone, newer(5), patient);
      for (const at of [4, 5])
        sameOutcome(await store.put(table, imageAt(key, at), absent(at), patient), { type: 'refused', old: tombstone });
      sameImage(await store.read(table, key, patient), tombstone);
    },
    'lets one of many puts at once find nothing': async ({ store, table }, key) => {
      const order = [3, 1, 5, 2, 4];
      const outcomes = await Promise.all(order.map((at) => store.put(table, imageAt(key, at), absent(at), patient)));
      onlyOne(
        outcomes,
        order.map((at) => imageAt(key, at)),
        undefined,
      );
    },
  };
}

function matchesCases(): Cases {
  return {
    'puts and deletes by the exact version, while it lives': async ({ store, table }, key) => {
      const [one, two] = [imageAt(key, 1), imageAt(key, 2)];
      await store.put(table, one, newer(1), patient);
      sameOutcome(await store.put(table, two, matches(1), patient), { type: 'committed', old: one });
      sameOutcome(await store.put(table, imageAt(key, 3), matches(1), patient), { type: 'refused', old: two });
      sameOutcome(await store.delete(table, key, matches(3), patient), { type: 'refused', old: two });
      sameImage(await store.read(table, key, patient), two);
      sameOutcome(await store.delete(table, key, matches(2), patient), { type: 'committed', old: two });
      sameOutcome(await store.put(table, two, matches(2), patient), { type: 'refused', old: undefined });
      assert.equal(await store.read(table, key, patient), undefined);
    },
    'hazard 20: matches no version that has expired, and does a second earlier': async ({ store, table }, key) => {
      const expired = imageAt(key, 1, { expiresAt: now });
      await store.put(table, expired, newer(1), patient);
      sameOutcome(await store.put(table, imageAt(key, 2), matches(1), patient), { type: 'refused', old: expired });
      const lasting = imageAt(key, 3, { expiresAt: now + 1 });
      await store.put(table, lasting, newer(3), patient);
      sameOutcome(await store.put(table, imageAt(key, 4), matches(3), patient), { type: 'committed', old: lasting });
    },
    'matches no tombstone, though it has the version': async ({ store, table }, key) => {
      const tombstone = tombstoneAt(key, 1);
      await store.put(table, tombstone, newer(1), patient);
      sameOutcome(await store.put(table, imageAt(key, 2), matches(1), patient), { type: 'refused', old: tombstone });
    },
    'lets one of many puts at once match': async ({ store, table }, key) => {
      const order = [4, 2, 6, 3, 5];
      await store.put(table, imageAt(key, 1), newer(1), patient);
      const outcomes = await Promise.all(order.map((at) => store.put(table, imageAt(key, at), matches(1), patient)));
      onlyOne(
        outcomes,
        order.map((at) => imageAt(key, at)),
        imageAt(key, 1),
      );
      assert.notEqual((await store.read(table, key, patient))?.writeId, writeIdAt(1));
    },
    'matches a version that was touched': async ({ store, table }, key) => {
      await store.put(table, imageAt(key, 1), newer(1), patient);
      await store.touch(table, key, 'm-1', patient);
      const outcome = await store.put(table, imageAt(key, 2), matches(1), patient);
      sameOutcome(outcome, { type: 'committed', old: imageAt(key, 1) });
    },
    'a bare item is absent, and matches nothing': async (subject, key) => {
      const { store, table } = subject;
      await subject.putForeign({ key: { S: key } });
      sameOutcome(await store.put(table, imageAt(key, 2), matches(1), patient), { type: 'refused', old: bareAt(key) });
      sameOutcome(await store.put(table, imageAt(key, 2), absent(2), patient), { type: 'committed', old: bareAt(key) });
    },
  };
}

/** One committed and met `before`; every other was refused by its image. */
function onlyOne(outcomes: readonly WriteOutcome[], images: readonly ItemImage[], before: ItemImage | undefined): void {
  const winner = outcomes.findIndex(({ type }) => type === 'committed');
  for (const [index, outcome] of outcomes.entries())
    sameOutcome(
      outcome,
      index === winner ? { type: 'committed', old: before } : { type: 'refused', old: images[winner] },
    );
}
