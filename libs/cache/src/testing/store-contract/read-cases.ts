import assert from 'node:assert/strict';
import { type ItemImage } from '@tidemark/protocol';
import {
  type Cases,
  imageAt,
  newer,
  patient,
  rejectsWith,
  sameImage,
  sameOutcome,
  type StoreSubject,
} from './expectations.js';

export function readCases(): Cases {
  const roundTrips: Readonly<Record<string, Partial<ItemImage>>> = {
    'a text': { value: '{"a":1}' },
    'an empty text': { value: '' },
    'the text null': { value: 'null' },
    'text and bytes beyond ASCII': { value: '"ÄΩ漢😀\u0000\u2028"', writtenBy: 'eu-west-1' },
    bytes: { value: Uint8Array.of(0, 1, 127, 128, 255), codec: 'own' },
    'an expiry': { expiresAt: 1_900_000_000 },
    'a tombstone': { value: null, codec: null, tombstone: true, expiresAt: 1_900_000_000 },
    'a lease': { value: null, codec: null, writeId: null, leaseId: 'l-1', leaseUntil: 1_900_000_000_123 },
    'a loaded value': { loaded: true },
  };
  const cases = Object.entries(roundTrips).map(([what, change]) => [
    `reads back ${what}`,
    async ({ store, table }: StoreSubject, key: string) => {
      const image = imageAt(key, 1, change);
      sameOutcome(await store.put(table, image, newer(1), patient), { type: 'committed', old: undefined });
      sameImage(await store.read(table, key, patient), image);
    },
  ]);
  return {
    'finds a table that is there, and misses one that is not': async ({ store, table }) => {
      await store.check(table, patient);
      await rejectsWith('TABLE_MISSING', store.check(`${table}-none`, patient));
    },
    'reads nothing where nothing was put': async ({ store, table }, key) => {
      assert.equal(await store.read(table, key, patient), undefined);
    },
    'tells keys apart by every character': async ({ store, table }, key) => {
      const keys = ['', 'é', 'e\u0301', '漢', '😀', ' ', '\u0000', ':', 'A', 'a'].map((end) => `${key}${end}`);
      for (const [at, one] of keys.entries()) await store.put(table, imageAt(one, at), newer(at), patient);
      for (const [at, one] of keys.entries()) sameImage(await store.read(table, one, patient), imageAt(one, at));
    },
    ...(Object.fromEntries(cases) as Cases),
  };
}

const eventually = { ...patient, consistency: 'eventual' } as const;
/** A replica that is still behind after so many reads is not behind: it is another one. */
const triesMax = 1_000;

export function eventualCases(): Cases {
  return {
    'reads eventually: nothing that never was, and in the end what is': async ({ store, table }, key) => {
      const states = [undefined, imageAt(key, 1), imageAt(key, 2)];
      await store.put(table, imageAt(key, 1), newer(1), patient);
      await store.put(table, imageAt(key, 2), newer(2), patient);
      for (let tries = 1; ; tries += 1) {
        const image = await store.read(table, key, eventually);
        const state = states.find((each) => each?.writeId === image?.writeId);
        if (image === undefined || state === undefined) assert.equal(image, state);
        else sameImage(image, state);
        if (state === states[2]) return;
        assert.ok(tries < triesMax, 'it is never read');
      }
    },
    'reads many eventually': async ({ store, table }, key) => {
      const keys = [`${key}-1`, `${key}-2`, `${key}-3`];
      for (const one of keys.slice(0, 2)) await store.put(table, imageAt(one, 1), newer(1), patient);
      for (let tries = 1; ; tries += 1) {
        const { items, unread } = await store.readMany(table, [...keys, ...keys], eventually);
        assert.equal(unread.size, 0);
        for (const [one, image] of items) sameImage(image, imageAt(one, 1));
        if (items.size === 2) return;
        assert.ok(tries < triesMax, 'they are never read');
      }
    },
  };
}

export function manyCases(): Cases {
  return {
    'reads many: each key once, without those that are in no item': async ({ store, table }, key) => {
      const [one, two, none] = [`${key}-1`, `${key}-2`, `${key}-3`];
      await store.put(table, imageAt(one, 1), newer(1), patient);
      await store.put(table, imageAt(two, 2, { value: Uint8Array.of(255) }), newer(2), patient);
      const { items, unread } = await store.readMany(table, [one, none, two, one, none, two], patient);
      assert.equal(items.size, 2);
      sameImage(items.get(one), imageAt(one, 1));
      sameImage(items.get(two), imageAt(two, 2, { value: Uint8Array.of(255) }));
      assert.equal(unread.size, 0);
    },
    'reads many: none': async ({ store, table }) => {
      const { items, unread } = await store.readMany(table, [], patient);
      assert.deepEqual([items.size, unread.size], [0, 0]);
    },
    'reads more keys than fit into one request': async ({ store, table }, key) => {
      const keys = Array.from({ length: 250 }, (_, at) => `${key}-${at}`);
      const there = keys.filter((_, at) => at % 2 === 0);
      for (let at = 0; at < there.length; at += 25) {
        const some = there.slice(at, at + 25);
        await Promise.all(some.map((one) => store.put(table, imageAt(one, 1), newer(1), patient)));
      }
      const { items, unread } = await store.readMany(table, keys, patient);
      assert.deepEqual([...items.keys()].sort(), there.sort());
      for (const one of there) sameImage(items.get(one), imageAt(one, 1));
      assert.equal(unread.size, 0);
    },
  };
}
