import assert from 'node:assert/strict';
import {
  absent,
  bareAt,
  type Cases,
  claim,
  claimed,
  imageAt,
  leased,
  matches,
  newer,
  now,
  nowMs,
  patient,
  rejectsWith,
  replaces,
  sameClaim,
  sameImage,
  sameOutcome,
  writeIdAt,
} from './expectations.js';

/** What foreign writers leave. */
export function foreignCases(): Cases {
  return { ...foreignItemCases(), ...foreignLeaseCases() };
}

function foreignItemCases(): Cases {
  return {
    'reads, replaces and deletes an item that has no write id': async (subject, key) => {
      const { store, table } = subject;
      const foreign = { key: { S: key }, value: { S: 'theirs' }, owner: { M: { name: { S: 'x' } } } };
      const image = imageAt(key, 1, { value: 'theirs', codec: null, writeId: null, writtenBy: null });
      await subject.putForeign(foreign);
      sameImage(await store.read(table, key, patient), image);
      sameOutcome(await store.put(table, imageAt(key, 1), replaces('zzz'), patient), { type: 'refused', old: image });
      sameOutcome(await store.put(table, imageAt(key, 1), newer(1), patient), { type: 'committed', old: image });
      sameImage(await store.read(table, key, patient), imageAt(key, 1));
      await subject.putForeign(foreign);
      sameOutcome(await store.delete(table, key, newer(1), patient), { type: 'committed', old: image });
    },
    'refuses to read a malformed item, tells of nothing in it, and replaces it': async (subject, key) => {
      const { store, table } = subject;
      const [odd, good] = [`${key}-odd`, `${key}-good`];
      await subject.putForeign({ key: { S: odd }, value: { L: [{ S: 'secret' }] }, codec: { S: 'theirs' } });
      await store.put(table, imageAt(good, 1), newer(1), patient);
      const error = await rejectsWith('MALFORMED_ITEM', store.read(table, odd, patient));
      assert.ok(!(error.message + JSON.stringify(error)).includes('secret'), error.message);
      const { items, unread } = await store.readMany(table, [odd, good], patient);
      assert.deepEqual([...items.keys()], [good]);
      assert.deepEqual([...unread.keys()], [odd]);
      await rejectsWith('MALFORMED_ITEM', Promise.reject(unread.get(odd) ?? new Error('read')));
      const old = imageAt(odd, 1, { value: null, codec: 'theirs', writeId: null, writtenBy: null });
      sameOutcome(await store.put(table, imageAt(odd, 1), newer(1), patient), { type: 'committed', old });
      sameImage(await store.read(table, odd, patient), imageAt(odd, 1));
    },
    'is refused by a malformed item with a newer write id, and tells that': async (subject, key) => {
      const { store, table } = subject;
      await subject.putForeign({ key: { S: key }, expiresAt: { S: 'never' }, writeId: { S: writeIdAt(9) } });
      const old = imageAt(key, 9, { value: null, codec: null, writtenBy: null });
      sameOutcome(await store.put(table, imageAt(key, 1), newer(1), patient), { type: 'refused', old });
      sameOutcome(await store.delete(table, key, newer(1), patient), { type: 'refused', old });
    },
    'cannot get past a write id that is no string': async (subject, key) => {
      const { store, table } = subject;
      await subject.putForeign({ key: { S: key }, writeId: { N: '0' } });
      await rejectsWith('MALFORMED_ITEM', store.put(table, imageAt(key, 1), newer(1), patient));
      await rejectsWith('MALFORMED_ITEM', store.put(table, imageAt(key, 1), replaces('0'), patient));
      await rejectsWith('MALFORMED_ITEM', store.delete(table, key, newer(1), patient));
      await rejectsWith('MALFORMED_ITEM', store.read(table, key, patient));
    },
    'tells of a malformed item by what refuses, and only where that tells it': async (subject, key) => {
      const { store, table } = subject;
      const broken = { key: { S: key }, value: { L: [] }, leaseId: { S: 'l-1' } };
      await subject.putForeign(broken);
      await rejectsWith('MALFORMED_ITEM', store.put(table, imageAt(key, 1), absent(1), patient));
      await rejectsWith('MALFORMED_ITEM', store.put(table, imageAt(key, 1), leased('l-1'), patient));
      const image = bareAt(key, { leaseId: 'l-1' });
      sameOutcome(await store.put(table, imageAt(key, 1), matches(1), patient), { type: 'refused', old: image });
      await subject.putForeign({ ...broken, value: { S: '1' }, expiresAt: { S: 'never' } });
      const live = { ...image, value: '1' };
      sameOutcome(await store.put(table, imageAt(key, 1), absent(1), patient), { type: 'refused', old: live });
      sameClaim(await store.acquireLease(table, key, claim('l-2'), patient), { type: 'refused', old: live });
    },
  };
}

function foreignLeaseCases(): Cases {
  return {
    'takes a lease of what is malformed and has expired, and tells what is left': async (subject, key) => {
      const { store, table } = subject;
      const writtenBy = { S: 'us-east-1' };
      const odd = { value: { L: [] }, codec: { N: '1' }, tombstone: { S: 'no' }, expiresAt: { N: String(now) } };
      await subject.putForeign({ key: { S: key }, writtenBy, writeId: { N: '7' }, ...odd });
      const image = claimed(bareAt(key, { writtenBy: 'us-east-1' }), claim('l-1'));
      sameClaim(await store.acquireLease(table, key, claim('l-1'), patient), { type: 'acquired', image });
      const outcome = await store.put(table, imageAt(key, 1, { loaded: true }), leased('l-1'), patient);
      sameOutcome(outcome, { type: 'committed', old: image });
      sameImage(await store.read(table, key, patient), imageAt(key, 1, { loaded: true }));
    },
    'takes no lease where one stands that never ends, and a delete clears that': async (subject, key) => {
      const { store, table } = subject;
      for (const leaseUntil of [{ leaseUntil: { S: String(nowMs) } }, {}]) {
        await subject.putForeign({ key: { S: key }, leaseId: { S: 'l-1' }, ...leaseUntil });
        await rejectsWith('MALFORMED_ITEM', store.acquireLease(table, key, claim('l-2'), patient));
        await store.delete(table, key, newer(1), patient);
      }
      const image = claimed(bareAt(key), claim('l-2'));
      sameClaim(await store.acquireLease(table, key, claim('l-2'), patient), { type: 'acquired', image });
    },
    'takes no lease of a malformed value that lives': async (subject, key) => {
      await subject.putForeign({ key: { S: key }, value: { N: '1' } });
      await rejectsWith('MALFORMED_ITEM', subject.store.acquireLease(subject.table, key, claim('l-1'), patient));
    },
  };
}
