import assert from 'node:assert/strict';
import { imageBytes, imageBytesMax } from '@tidemark/protocol';
import { isTidemarkError } from '@tidemark/runtime';
import { type StoreCall } from '../../backend.js';
import {
  type Cases,
  claim,
  imageAt,
  leased,
  newer,
  patient,
  rejectsWith,
  sameImage,
  type StoreSubject,
  writeIdAt,
} from './expectations.js';

export function limitCases(): Cases {
  return {
    'hazard 34: takes an image of the largest size, and refuses a larger one': async ({ store, table }, key) => {
      const room = imageBytesMax - imageBytes(imageAt(key, 1, { value: '' }));
      const largest = imageAt(key, 1, { value: 'é'.repeat(Math.floor(room / 2)) + 'x'.repeat(room % 2) });
      const larger = imageAt(key, 1, { value: new Uint8Array(room + 1) });
      await rejectsWith('VALUE_TOO_LARGE', store.put(table, larger, newer(1), patient));
      assert.equal(await store.read(table, key, patient), undefined);
      await store.acquireLease(table, key, claim('l-1'), patient);
      await rejectsWith('VALUE_TOO_LARGE', store.put(table, larger, leased('l-1'), patient));
      await store.put(table, largest, leased('l-1'), patient);
      sameImage(await store.read(table, key, patient), largest);
    },
    'does nothing for a caller that has given up, or has no time': async ({ store, table }, key) => {
      for (const [code, call] of [
        ['ABORTED', { ...patient, signal: AbortSignal.abort() }],
        ['TIMEOUT', { timeoutMs: 0 }],
      ] as const) {
        for (const write of writes({ store, table }, key, call)) await rejectsWith(code, write());
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
    'hazard 9: ends by its time-out, and calls a write that was under way ambiguous': async (subject, key) => {
      const { store, table } = subject;
      await store.read(table, key, patient);
      subject.stall();
      const call = { timeoutMs: 200 };
      const startedAt = performance.now();
      await Promise.all([
        rejectsWith('TIMEOUT', store.read(table, key, call)),
        rejectsWith('TIMEOUT', store.readMany(table, [key, `${key}-2`], call)),
        ...writes(subject, key, call).map((write) => rejectsWith('AMBIGUOUS_WRITE', write())),
      ]);
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < 3_000, `took ${tookMs} ms`);
    },
    'hazard 9: ends when its caller gives up, and calls a write that was under way ambiguous': async (subject, key) => {
      const { store, table } = subject;
      await store.read(table, key, patient);
      subject.stall();
      const aborter = new AbortController();
      const call = { ...patient, signal: aborter.signal };
      const ended = Promise.all([
        rejectsWith('ABORTED', store.read(table, key, call)),
        rejectsWith('ABORTED', store.readMany(table, [key], call)),
        ...writes(subject, key, call).map((write) => rejectsWith('AMBIGUOUS_WRITE', write())),
      ]);
      await rejectsWith('TIMEOUT', store.read(table, key, { timeoutMs: 50 }));
      aborter.abort();
      await ended;
    },
  };
}

/** One of each kind. */
function writes(
  { store, table }: Pick<StoreSubject, 'store' | 'table'>,
  key: string,
  call: StoreCall,
): readonly (() => Promise<unknown>)[] {
  return [
    () => store.put(table, imageAt(key, 1), newer(1), call),
    () => store.delete(table, key, newer(1), call),
    () => store.acquireLease(table, key, claim('l-1'), call),
    () => store.releaseLease(table, key, { leaseId: 'l-1', writeId: null }, call),
    () => store.releaseLease(table, key, { leaseId: 'l-1', writeId: writeIdAt(1) }, call),
    () => store.touch(table, key, 'm-1', call),
  ];
}
