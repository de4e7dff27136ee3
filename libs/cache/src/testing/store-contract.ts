import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  type Attributes,
  formatWriteId,
  imageBytes,
  imageBytesMax,
  type ItemImage,
  itemKeyOf,
  type WriteId,
} from '@tidemark/protocol';
import { type ErrorCode, isTidemarkError } from '@tidemark/runtime';
import { type ContractCase } from '@tidemark/runtime/testing';
import { type Store, type StoreCall, type WriteCondition, type WriteOutcome } from '../backend.js';

/** A store to be put to the test, on the system's clock. */
export interface StoreSubject {
  readonly store: Store;
  /** Is there. Other cases may use it at the same time: each case has keys of its own. */
  readonly table: string;
  /** Puts an item without a condition, as a foreign writer would: DynamoDB's JSON, binary as bytes. */
  putForeign(item: Attributes): Promise<void>;
  /** From now until `close`, requests of `store` reach nothing and are not answered. */
  stall(): void;
  close(): Promise<void>;
}

/** What every `Store` keeps, case by case. Each case makes a subject of its own and closes it. */
export function storeContract(makeSubject: () => Promise<StoreSubject>): readonly ContractCase[] {
  const named = { ...readCases(), ...putCases(), ...deleteCases(), ...manyCases(), ...limitCases(), ...foreignCases() };
  return Object.entries(named).map(([name, run]) => ({
    name,
    run: async () => {
      const subject = await makeSubject();
      try {
        await run(subject, itemKeyOf('contract', randomUUID()));
      } finally {
        await subject.close();
      }
    },
  }));
}

type Cases = Readonly<Record<string, (subject: StoreSubject, key: string) => Promise<void>>>;

const patient: StoreCall = { timeoutMs: 20_000 };

function readCases(): Cases {
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

function putCases(): Cases {
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

function deleteCases(): Cases {
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

function manyCases(): Cases {
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
      await Promise.all(there.map((one) => store.put(table, imageAt(one, 1), newer(1), patient)));
      const { items, unread } = await store.readMany(table, keys, patient);
      assert.deepEqual([...items.keys()].sort(), there.sort());
      for (const one of there) sameImage(items.get(one), imageAt(one, 1));
      assert.equal(unread.size, 0);
    },
  };
}

function limitCases(): Cases {
  return {
    'takes an image of the largest size, and refuses a larger one': async ({ store, table }, key) => {
      const room = imageBytesMax - imageBytes(imageAt(key, 1, { value: '' }));
      const largest = imageAt(key, 1, { value: 'é'.repeat(Math.floor(room / 2)) + 'x'.repeat(room % 2) });
      const larger = imageAt(key, 1, { value: new Uint8Array(room + 1) });
      await rejectsWith('VALUE_TOO_LARGE', store.put(table, larger, newer(1), patient));
      assert.equal(await store.read(table, key, patient), undefined);
      await store.put(table, largest, newer(1), patient);
      sameImage(await store.read(table, key, patient), largest);
    },
    'does nothing for a caller that has given up, or has no time': async ({ store, table }, key) => {
      for (const [code, call] of [
        ['ABORTED', { ...patient, signal: AbortSignal.abort() }],
        ['TIMEOUT', { timeoutMs: 0 }],
      ] as const) {
        await rejectsWith(code, store.put(table, imageAt(key, 1), newer(1), call));
        await rejectsWith(code, store.delete(table, key, newer(1), call));
        await rejectsWith(code, store.read(table, key, call));
        await rejectsWith(code, store.readMany(table, [key], call));
      }
      assert.equal(await store.read(table, key, patient), undefined);
    },
    'says that a put was aborted only when nothing was written': async ({ store, table }, key) => {
      const aborter = new AbortController();
      const call = store.put(table, imageAt(key, 1), newer(1), { ...patient, signal: aborter.signal }).then(
        ({ type }) => type,
        (error: unknown) => (isTidemarkError(error) ? error.code : error),
      );
      aborter.abort();
      const outcome = await call;
      assert.ok(outcome === 'ABORTED' || outcome === 'AMBIGUOUS_WRITE' || outcome === 'committed', String(outcome));
      const image = await store.read(table, key, patient);
      if (outcome !== 'AMBIGUOUS_WRITE') assert.equal(image !== undefined, outcome === 'committed');
    },
    'ends by its time-out, and calls a write that was under way ambiguous': async (subject, key) => {
      const { store, table } = subject;
      await store.read(table, key, patient);
      subject.stall();
      const call = { timeoutMs: 200 };
      const startedAt = performance.now();
      await Promise.all([
        rejectsWith('TIMEOUT', store.read(table, key, call)),
        rejectsWith('TIMEOUT', store.readMany(table, [key, `${key}-2`], call)),
        rejectsWith('AMBIGUOUS_WRITE', store.put(table, imageAt(key, 1), newer(1), call)),
        rejectsWith('AMBIGUOUS_WRITE', store.delete(table, key, newer(1), call)),
      ]);
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < 3_000, `took ${tookMs} ms`);
    },
    'ends when its caller gives up, and calls a write that was under way ambiguous': async (subject, key) => {
      const { store, table } = subject;
      await store.read(table, key, patient);
      subject.stall();
      const aborter = new AbortController();
      const call = { ...patient, signal: aborter.signal };
      const ended = Promise.all([
        rejectsWith('ABORTED', store.read(table, key, call)),
        rejectsWith('ABORTED', store.readMany(table, [key], call)),
        rejectsWith('AMBIGUOUS_WRITE', store.put(table, imageAt(key, 1), newer(1), call)),
      ]);
      await rejectsWith('TIMEOUT', store.read(table, key, { timeoutMs: 50 }));
      aborter.abort();
      await ended;
    },
  };
}

function foreignCases(): Cases {
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
  };
}

function writeIdAt(at: number): WriteId {
  return formatWriteId({ ms: 1_700_000_000_000 + at, counter: 0, incarnation: '00000000000000aa' });
}

function imageAt(key: string, at: number, change: Partial<ItemImage> = {}): ItemImage {
  const value = JSON.stringify({ at });
  const given = { key, value, codec: 'json', writeId: writeIdAt(at), expiresAt: null, writtenBy: 'us-east-1' };
  return { ...given, tombstone: false, leaseId: null, leaseUntil: null, loaded: false, ...change };
}

function newer(at: number): WriteCondition {
  return { type: 'newer', than: writeIdAt(at) };
}

function replaces(writeId: string): WriteCondition {
  return { type: 'replaces', writeId };
}

function sameOutcome(actual: WriteOutcome, expected: WriteOutcome): void {
  assert.equal(actual.type, expected.type);
  sameImage(actual.old, expected.old);
}

function sameImage(actual: ItemImage | undefined, expected: ItemImage | undefined): void {
  assert.deepEqual(comparable(actual), comparable(expected));
}

/** Bytes are the same whatever class holds them. */
function comparable(image: ItemImage | undefined): unknown {
  return image && { ...image, value: typeof image.value === 'string' ? image.value : image.value && [...image.value] };
}

async function rejectsWith(code: ErrorCode, call: Promise<unknown>): Promise<Error> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  assert.ok('error' in outcome, `expected ${code}, but it succeeded`);
  const { error } = outcome;
  assert.ok(isTidemarkError(error), `expected a TidemarkError ${code}, got ${String(error)}`);
  assert.equal(error.code, code, `expected ${code}, got ${error.code}: ${error.message}`);
  return error;
}
