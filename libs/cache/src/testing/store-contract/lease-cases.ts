import assert from 'node:assert/strict';
import { type WriteOutcome } from '../../backend.js';
import {
  absent,
  bareAt,
  type Cases,
  claim,
  claimed,
  imageAt,
  leased,
  newer,
  now,
  nowMs,
  patient,
  sameClaim,
  sameImage,
  sameOutcome,
  type StoreSubject,
  tombstoneAt,
  writeIdAt,
} from './expectations.js';

/** Leases: taken, taken over, spent by an install, cleared by others, given up. */
export function leaseCases(): Cases {
  return { ...acquireCases(), ...installCases(), ...clearedCases(), ...releaseCases() };
}

function acquireCases(): Cases {
  return {
    'takes a lease where nothing is': async ({ store, table }, key) => {
      const image = claimed(bareAt(key), claim('l-1'));
      sameClaim(await store.acquireLease(table, key, claim('l-1'), patient), { type: 'acquired', image });
      sameImage(await store.read(table, key, patient), image);
    },
    'hazard 58: takes a lease of a tombstone, whose write id stays as it was': async ({ store, table }, key) => {
      const tombstone = tombstoneAt(key, 5);
      await store.put(table, tombstone, newer(5), patient);
      const image = claimed(tombstone, claim('l-1'));
      assert.deepEqual([image.writeId, image.tombstone], [writeIdAt(5), true]);
      sameClaim(await store.acquireLease(table, key, claim('l-1'), patient), { type: 'acquired', image });
      sameOutcome(await store.put(table, imageAt(key, 6), newer(6), patient), { type: 'committed', old: image });
      sameImage(await store.read(table, key, patient), imageAt(key, 6));
    },
    'hazard 20: takes a lease of an expired value, which goes with its codec and mark': async (subject, key) => {
      const { store, table } = subject;
      const expired = imageAt(key, 1, { expiresAt: now, loaded: true });
      await store.put(table, expired, newer(1), patient);
      const image = claimed(expired, claim('l-1'));
      sameClaim(await store.acquireLease(table, key, claim('l-1'), patient), { type: 'acquired', image });
      sameImage(await store.read(table, key, patient), image);
      assert.deepEqual([image.value, image.codec, image.loaded, image.writeId], [null, null, false, writeIdAt(1)]);
    },
    'takes no lease of a live value, and tells it': async ({ store, table }, key) => {
      const live = imageAt(key, 1, { expiresAt: now + 1 });
      await store.put(table, live, newer(1), patient);
      sameClaim(await store.acquireLease(table, key, claim('l-1'), patient), { type: 'refused', old: live });
      sameImage(await store.read(table, key, patient), live);
    },
    'takes a lease over when it ends, and not a millisecond earlier': async ({ store, table }, key) => {
      const first = claimed(bareAt(key), claim('l-1'));
      await store.acquireLease(table, key, claim('l-1'), patient);
      const early = claim('l-2', nowMs + 9_999);
      sameClaim(await store.acquireLease(table, key, early, patient), { type: 'refused', old: first });
      sameImage(await store.read(table, key, patient), first);
      const due = claim('l-3', nowMs + 10_000);
      const second = claimed(bareAt(key), due);
      sameClaim(await store.acquireLease(table, key, due, patient), { type: 'acquired', image: second });
      sameOutcome(await install({ store, table }, key, 1, 'l-1'), { type: 'refused', old: second });
      await store.releaseLease(table, key, { leaseId: 'l-1', writeId: null }, patient);
      sameImage(await store.read(table, key, patient), second);
    },
    'gives a lease to one of many at once': async ({ store, table }, key) => {
      const claims = ['l-1', 'l-2', 'l-3', 'l-4', 'l-5'].map((leaseId) => claim(leaseId));
      const outcomes = await Promise.all(claims.map((one) => store.acquireLease(table, key, one, patient)));
      const winner = outcomes.findIndex(({ type }) => type === 'acquired');
      const image = claimed(bareAt(key), claims[winner] ?? claim('none'));
      for (const [index, outcome] of outcomes.entries())
        sameClaim(outcome, index === winner ? { type: 'acquired', image } : { type: 'refused', old: image });
    },
  };
}

function installCases(): Cases {
  return {
    'installs under a lease, which is spent': async ({ store, table }, key) => {
      const held = claimed(bareAt(key), claim('l-1'));
      await store.acquireLease(table, key, claim('l-1'), patient);
      sameOutcome(await install({ store, table }, key, 1, 'l-1'), { type: 'committed', old: held });
      const loaded = imageAt(key, 1, { loaded: true });
      sameImage(await store.read(table, key, patient), loaded);
      sameOutcome(await install({ store, table }, key, 2, 'l-1'), { type: 'refused', old: loaded });
    },
    'installs nothing without a lease, or under another': async ({ store, table }, key) => {
      sameOutcome(await install({ store, table }, key, 1, 'l-1'), { type: 'refused', old: undefined });
      const held = claimed(bareAt(key), claim('l-1'));
      await store.acquireLease(table, key, claim('l-1'), patient);
      sameOutcome(await install({ store, table }, key, 1, 'l-2'), { type: 'refused', old: held });
      sameImage(await store.read(table, key, patient), held);
    },
    'hazard 56: a put clears the lease, and a late install is refused': async ({ store, table }, key) => {
      await store.acquireLease(table, key, claim('l-1'), patient);
      await store.put(table, imageAt(key, 1), newer(1), patient);
      sameOutcome(await install({ store, table }, key, 2, 'l-1'), { type: 'refused', old: imageAt(key, 1) });
      sameImage(await store.read(table, key, patient), imageAt(key, 1));
    },
    'hazard 60: a foreign update that keeps the lease and adds a value stands': async (subject, key) => {
      const { store, table } = subject;
      await store.acquireLease(table, key, claim('l-1'), patient);
      const lease = { leaseId: { S: 'l-1' }, leaseUntil: { N: String(nowMs + 10_000) } };
      await subject.putForeign({ key: { S: key }, value: { S: 'theirs' }, ...lease });
      const image = bareAt(key, { value: 'theirs', leaseId: 'l-1', leaseUntil: nowMs + 10_000 });
      sameOutcome(await install(subject, key, 1, 'l-1'), { type: 'refused', old: image });
      for (const writeId of [null, writeIdAt(1)])
        await store.releaseLease(table, key, { leaseId: 'l-1', writeId }, patient);
      sameImage(await store.read(table, key, patient), image);
    },
  };
}

function clearedCases(): Cases {
  return {
    'hazard 59: a lease that a delete cleared is gone, though another was taken since': async (subject, key) => {
      const { store, table } = subject;
      await store.acquireLease(table, key, claim('l-1'), patient);
      await store.delete(table, key, newer(1), patient);
      const held = claimed(bareAt(key), claim('l-2'));
      sameClaim(await store.acquireLease(table, key, claim('l-2'), patient), { type: 'acquired', image: held });
      sameOutcome(await install(subject, key, 2, 'l-1'), { type: 'refused', old: held });
      await store.releaseLease(table, key, { leaseId: 'l-1', writeId: null }, patient);
      sameImage(await store.read(table, key, patient), held);
    },
    'hazard 61: a delete of what holds no value is done, and clears the lease': async (subject, key) => {
      const { store, table } = subject;
      const held = claimed(bareAt(key), claim('l-1'));
      await store.acquireLease(table, key, claim('l-1'), patient);
      sameOutcome(await store.delete(table, key, newer(1), patient), { type: 'committed', old: held });
      sameOutcome(await install(subject, key, 2, 'l-1'), { type: 'refused', old: undefined });
      assert.equal(await store.read(table, key, patient), undefined);
    },
    'hazard 61: a tombstone clears the lease': async (subject, key) => {
      const { store, table } = subject;
      await store.acquireLease(table, key, claim('l-1'), patient);
      const tombstone = tombstoneAt(key, 1);
      await store.put(table, tombstone, newer(1), patient);
      sameOutcome(await install(subject, key, 2, 'l-1'), { type: 'refused', old: tombstone });
    },
    'hazard 62: where a value was put and deleted, a lease from before installs nothing, though a put of what is absent would':
      async (subject, key) => {
        const { store, table } = subject;
        await store.acquireLease(table, key, claim('l-1'), patient);
        await store.put(table, imageAt(key, 2), newer(2), patient);
        await store.delete(table, key, newer(3), patient);
        sameOutcome(await install(subject, key, 1, 'l-1'), { type: 'refused', old: undefined });
        const revived = await store.put(table, imageAt(key, 1), absent(1), patient);
        sameOutcome(revived, { type: 'committed', old: undefined });
      },
  };
}

function releaseCases(): Cases {
  return {
    'gives up a lease with its item, where there was none': async ({ store, table }, key) => {
      await store.acquireLease(table, key, claim('l-1'), patient);
      await store.releaseLease(table, key, { leaseId: 'l-1', writeId: null }, patient);
      assert.equal(await store.read(table, key, patient), undefined);
    },
    'hazard 12: gives up a lease of a tombstone, which goes on refusing late puts': async ({ store, table }, key) => {
      const tombstone = tombstoneAt(key, 5);
      await store.put(table, tombstone, newer(5), patient);
      const lease = claim('l-1', nowMs + 3_600_000);
      await store.acquireLease(table, key, lease, patient);
      await store.releaseLease(table, key, { leaseId: 'l-1', writeId: writeIdAt(5) }, patient);
      const left = { ...tombstone, expiresAt: lease.expiresAt };
      sameImage(await store.read(table, key, patient), left);
      assert.ok(lease.expiresAt > Number(tombstone.expiresAt), 'and not for a shorter time');
      sameOutcome(await store.put(table, imageAt(key, 4), newer(4), patient), { type: 'refused', old: left });
    },
    'gives up a lease of an expired value, of which an absence is left that ends': async ({ store, table }, key) => {
      await store.put(table, imageAt(key, 1, { expiresAt: now }), newer(1), patient);
      await store.acquireLease(table, key, claim('l-1'), patient);
      await store.releaseLease(table, key, { leaseId: 'l-1', writeId: writeIdAt(1) }, patient);
      const left = imageAt(key, 1, { value: null, codec: null, expiresAt: claim('l-1').expiresAt });
      sameImage(await store.read(table, key, patient), left);
    },
    'gives up nothing that is not there or is another one, and makes nothing': async ({ store, table }, key) => {
      for (const writeId of [null, writeIdAt(1)]) {
        await store.releaseLease(table, key, { leaseId: 'l-1', writeId }, patient);
        assert.equal(await store.read(table, key, patient), undefined);
      }
      await store.acquireLease(table, key, claim('l-1'), patient);
      await store.put(table, imageAt(key, 1), newer(1), patient);
      for (const writeId of [null, writeIdAt(1)])
        await store.releaseLease(table, key, { leaseId: 'l-1', writeId }, patient);
      sameImage(await store.read(table, key, patient), imageAt(key, 1));
    },
  };
}

/** Touches: a foreign write of what is there. */
export function touchCases(): Cases {
  return {
    'hazard 15: touches an item, of which nothing that is read changes': async ({ store, table }, key) => {
      const image = imageAt(key, 1, { expiresAt: now, loaded: true });
      await store.put(table, image, newer(1), patient);
      for (const mark of ['m-1', 'm-2']) assert.equal(await store.touch(table, key, mark, patient), true);
      sameImage(await store.read(table, key, patient), image);
      sameOutcome(await store.put(table, imageAt(key, 2), newer(2), patient), { type: 'committed', old: image });
    },
    'touches nothing where nothing is, and makes nothing': async ({ store, table }, key) => {
      assert.equal(await store.touch(table, key, 'm-1', patient), false);
      assert.equal(await store.read(table, key, patient), undefined);
    },
    'touches a leased item, whose lease stays': async ({ store, table }, key) => {
      const held = claimed(bareAt(key), claim('l-1'));
      await store.acquireLease(table, key, claim('l-1'), patient);
      assert.equal(await store.touch(table, key, 'm-1', patient), true);
      sameOutcome(await install({ store, table }, key, 1, 'l-1'), { type: 'committed', old: held });
    },
    'touches a malformed item': async (subject, key) => {
      await subject.putForeign({ key: { S: key }, value: { L: [] }, writeId: { N: '1' } });
      assert.equal(await subject.store.touch(subject.table, key, 'm-1', patient), true);
    },
  };
}

/** What a load does at its end. */
function install(
  { store, table }: Pick<StoreSubject, 'store' | 'table'>,
  key: string,
  at: number,
  leaseId: string,
): Promise<WriteOutcome> {
  return store.put(table, imageAt(key, at, { loaded: true }), leased(leaseId), patient);
}
