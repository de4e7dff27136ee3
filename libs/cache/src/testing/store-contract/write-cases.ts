import assert from 'node:assert/strict';
import { type Cases, imageAt, newer, patient, replaces, sameImage, sameOutcome, tombstoneAt } from './expectations.js';

export function putCases(): Cases {
  return {
    'replaces an older item as a whole, and tells it': async ({ store, table }, key) => {
      const old = imageAt(key, 1, { expiresAt: 1_900_000_000, loaded: true, writtenBy: 'eu-west-1' });
      const image = imageAt(key, 2, { codec: null, writtenBy: null });
      await store.put(table, old, newer(1), patient);
      sameOutcome(await store.put(table, image, newer(2), patient), { type: 'committed', old });
      sameImage(await store.read(table, key, patient), image);
    },
    'is refused by a newer item, and tells it': async ({ store, table }, key) => {
      const winner = imageAt(key, 5);
      await store.put(table, winner, newer(5), patient);
      for (const at of [4, 5])
        sameOutcome(await store.put(table, imageAt(key, at), newer(at), patient), { type: 'refused', old: winner });
      sameImage(await store.read(table, key, patient), winner);
    },
    'hazard 12: a tombstone refuses a late put, and no late delete clears it': async ({ store, table }, key) => {
      const tombstone = tombstoneAt(key, 5);
      await store.put(table, imageAt(key, 1), newer(1), patient);
      await store.put(table, tombstone, newer(5), patient);
      sameOutcome(await store.put(table, imageAt(key, 4), newer(4), patient), { type: 'refused', old: tombstone });
      sameOutcome(await store.delete(table, key, newer(3), patient), { type: 'refused', old: tombstone });
      sameImage(await store.read(table, key, patient), tombstone);
    },
    'compares and sets a write id': async ({ store, table }, key) => {
      const odd = imageAt(key, 1, { writeId: 'zzz' });
      await store.put(table, odd, newer(1), patient);
      const image = imageAt(key, 2);
      sameOutcome(await store.put(table, image, newer(2), patient), { type: 'refused', old: odd });
      sameOutcome(await store.put(table, image, replaces('zz'), patient), { type: 'refused', old: odd });
      sameOutcome(await store.put(table, image, replaces('zzz'), patient), { type: 'committed', old: odd });
      sameImage(await store.read(table, key, patient), image);
    },
    'compares and sets nothing where nothing is': async ({ store, table }, key) => {
      const outcome = await store.put(table, imageAt(key, 1), replaces('zzz'), patient);
      sameOutcome(outcome, { type: 'refused', old: undefined });
      assert.equal(await store.read(table, key, patient), undefined);
    },
    'lets concurrent puts commit in one chain': async ({ store, table }, key) => {
      const order = [3, 1, 8, 5, 2, 7, 4, 6];
      const outcomes = await Promise.all(order.map((at) => store.put(table, imageAt(key, at), newer(at), patient)));
      const chain = order
        .map((at, index) => ({ at, outcome: outcomes[index] }))
        .filter(({ outcome }) => outcome?.type === 'committed')
        .sort((one, other) => one.at - other.at);
      assert.equal(chain.at(-1)?.at, 8);
      for (const [index, { outcome }] of chain.entries()) {
        const before = chain[index - 1];
        sameImage(outcome?.old, before && imageAt(key, before.at));
      }
      sameImage(await store.read(table, key, patient), imageAt(key, 8));
    },
  };
}

export function deleteCases(): Cases {
  return {
    'deletes an older item, and tells it': async ({ store, table }, key) => {
      const old = imageAt(key, 1);
      await store.put(table, old, newer(1), patient);
      sameOutcome(await store.delete(table, key, newer(2), patient), { type: 'committed', old });
      assert.equal(await store.read(table, key, patient), undefined);
    },
    'deletes what is not there': async ({ store, table }, key) => {
      sameOutcome(await store.delete(table, key, newer(1), patient), { type: 'committed', old: undefined });
      assert.equal(await store.read(table, key, patient), undefined);
    },
    'does not delete a newer item, and tells it': async ({ store, table }, key) => {
      const winner = imageAt(key, 2);
      await store.put(table, winner, newer(2), patient);
      for (const at of [1, 2])
        sameOutcome(await store.delete(table, key, newer(at), patient), { type: 'refused', old: winner });
      sameImage(await store.read(table, key, patient), winner);
    },
    'deletes by comparing the write id': async ({ store, table }, key) => {
      const odd = imageAt(key, 1, { writeId: 'zzz' });
      await store.put(table, odd, newer(1), patient);
      sameOutcome(await store.delete(table, key, replaces('zz'), patient), { type: 'refused', old: odd });
      sameOutcome(await store.delete(table, key, replaces('zzz'), patient), { type: 'committed', old: odd });
      sameOutcome(await store.delete(table, key, replaces('zzz'), patient), { type: 'refused', old: undefined });
    },
    'lets a put and a delete at once commit in one chain': async ({ store, table }, key) => {
      await store.put(table, imageAt(key, 1), newer(1), patient);
      const [put, removed] = await Promise.all([
        store.put(table, imageAt(key, 2), newer(2), patient),
        store.delete(table, key, newer(3), patient),
      ]);
      assert.equal(removed.type, 'committed');
      sameImage(removed.old, imageAt(key, put.old === undefined ? 1 : 2));
      sameImage(await store.read(table, key, patient), put.old === undefined ? imageAt(key, 2) : undefined);
    },
  };
}
