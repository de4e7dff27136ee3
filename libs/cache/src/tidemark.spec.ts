import { afterEach, describe, expect, it } from '@jest/globals';
import { type ItemImage, itemKeyOf, WriteClock } from '@tidemark/protocol';
import { isTidemarkError } from '@tidemark/runtime';
import { eventually, ManualClock } from '@tidemark/runtime/testing';
import {
  type Cache,
  createTidemark,
  defineCache,
  memory,
  type MemoryBackend,
  PartialReadError,
  type Tidemark,
  trust,
} from './index.js';

interface Permission {
  readonly roles: readonly string[];
}
const permissions = defineCache({ name: 'permissions', table: 'permissions', schema: trust<Permission>() });
const opened: Tidemark[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((tidemark) => tidemark.close()));
});

async function pod(backend: MemoryBackend, definition = permissions): Promise<Cache<Permission>> {
  const tidemark = createTidemark({ service: 'test', backend, caches: [definition] });
  opened.push(tidemark);
  await tidemark.start();
  expect(tidemark.health().state).toBe('live');
  return tidemark.cache(definition);
}
const admin = { roles: ['admin'] };
const viewer = { roles: ['viewer'] };

describe('two pods on one replica', () => {
  it('a put in one is seen by the other, which held the old value', async () => {
    const backend = memory();
    const [a, b] = [await pod(backend), await pod(backend)];
    await a.put('app', admin);
    await expect(b.get('app')).resolves.toEqual(admin);
    await a.put('app', viewer);
    await eventually('b sees it without reading', () => b.getIfPresent('app')?.roles[0] === 'viewer');
    expect(b.stats().fills).toBe(1);
  });

  it('a delete in one empties the other', async () => {
    const backend = memory();
    const [a, b] = [await pod(backend), await pod(backend)];
    await a.put('app', admin);
    await b.get('app');
    await expect(a.delete('app')).resolves.toMatchObject({ applied: true });
    await eventually('b forgets it', () => b.inspect('app').state !== 'value');
    await expect(b.get('app')).resolves.toBeUndefined();
  });

  it('hazard 13: a writer that dies as soon as its put is in the table is seen like any other', async () => {
    const backend = memory();
    const b = await pod(backend);
    await b.put('app', admin);
    const { store } = backend.open();
    const call = { timeoutMs: 1_000 };
    const writeId = new WriteClock('00000000000000aa', () => Date.now() + 1_000).mint();
    const old = await store.read('permissions', itemKeyOf('permissions', 'app'), call);
    const image = { ...(old as ItemImage), value: '{"roles":["viewer"]}', writeId };
    const outcome = await store.put('permissions', image, { type: 'newer', than: writeId }, call);
    expect(outcome.type).toBe('committed');
    await eventually('b sees it without reading', () => b.getIfPresent('app')?.roles[0] === 'viewer');
    expect(b.stats().fills).toBe(0);
  });

  it('hazard 39: after a flush, many gets of many keys are one read a key', async () => {
    const backend = memory();
    const a = await pod(backend);
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => a.put(key, admin)));
    backend.flushTable('permissions', 'test');
    await eventually('it is flushed', () => a.stats().entries === 0);
    const gets = keys.flatMap((key) => Array.from({ length: 25 }, () => a.get(key)));
    expect(new Set(await Promise.all(gets)).size).toBe(keys.length);
    expect(a.stats().fills).toBe(keys.length);
  });

  it('a foreign writer is followed, too', async () => {
    const backend = memory();
    const a = await pod(backend);
    await a.put('app', admin);
    backend.writeItem('permissions', itemKeyOf('permissions', 'app'), { value: '{"roles":["foreign"]}' });
    await eventually('the entry is dropped', () => a.getIfPresent('app') === undefined);
    await expect(a.get('app')).resolves.toEqual({ roles: ['foreign'] });
    await expect(a.put('app', admin)).resolves.toMatchObject({ applied: true });
  });

  it('hazard 16: a tool that brings an old item back, its write id included, is followed in mode invalidate', async () => {
    const backend = memory();
    const a = await pod(backend, { ...permissions, mode: 'invalidate' });
    const first = await a.put('app', admin);
    await a.put('app', viewer);
    await expect(a.get('app')).resolves.toEqual(viewer);
    const writeId = first.applied ? first.writeId : '';
    backend.writeItem('permissions', itemKeyOf('permissions', 'app'), { value: '{"roles":["admin"]}', writeId });
    await eventually('the entry is dropped', () => a.getIfPresent('app') === undefined);
    await expect(a.get('app')).resolves.toEqual(admin);
  });

  it('a malformed write id of a foreign writer is got past', async () => {
    const backend = memory();
    const a = await pod(backend);
    backend.writeItem('permissions', itemKeyOf('permissions', 'app'), {
      value: '{"roles":["foreign"]}',
      writeId: 'zzz',
    });
    await expect(a.put('app', admin)).resolves.toMatchObject({ applied: true });
    await expect(a.get('app')).resolves.toEqual(admin);
  });

  it('hazard 17: an id from the far future is out-bid for its key, and does not move the clock', async () => {
    const backend = memory();
    const a = await pod(backend);
    backend.writeItem('permissions', itemKeyOf('permissions', 'app'), {
      value: '{"roles":["future"]}',
      writeId: 'f'.repeat(11) + '0'.repeat(21),
    });
    await expect(a.put('app', admin)).resolves.toMatchObject({ applied: true });
    const other = await a.put('other', admin);
    expect(other.applied && Number.parseInt(other.writeId.slice(0, 12), 16)).toBeLessThan(Date.now() + 60_000);
  });

  it('localPut and localDelete stay in the pod', async () => {
    const backend = memory();
    const [a, b] = [await pod(backend), await pod(backend)];
    a.localPut('app', admin);
    expect(a.getIfPresent('app')).toEqual(admin);
    await expect(b.get('app')).resolves.toBeUndefined();
    expect(a.localDelete('app')).toBe(true);
    await expect(a.get('app')).resolves.toBeUndefined();
  });

  it('getMany returns what was found, L1 and L2 together', async () => {
    const backend = memory();
    const [a, b] = [await pod(backend), await pod(backend)];
    await a.put('x', admin);
    await a.put('y', viewer);
    await b.get('x');
    const found = await b.getMany(['x', 'y', 'z', 'y']);
    expect([...found.entries()].sort()).toEqual([
      ['x', admin],
      ['y', viewer],
    ]);
    expect(b.getIfPresent('y')).toEqual(viewer);
  });

  it('a value that expires is gone at its second', async () => {
    const clock = new ManualClock();
    const tidemark = createTidemark({ service: 'test', backend: memory({ clock }), caches: [permissions], clock });
    opened.push(tidemark);
    const started = tidemark.start();
    await clock.advance(0);
    await started;
    const cache = tidemark.cache(permissions);
    await cache.put('app', admin, { expiresIn: '10s' });
    await clock.advance(9_000);
    await expect(cache.get('app')).resolves.toEqual(admin);
    await clock.advance(2_000);
    expect(cache.getIfPresent('app')).toBeUndefined();
    await expect(cache.get('app')).resolves.toBeUndefined();
  });

  it('a hundred concurrent gets of one cold key are one read', async () => {
    const backend = memory();
    const [a, b] = [await pod(backend), await pod(backend)];
    await a.put('app', admin);
    const values = await Promise.all(Array.from({ length: 100 }, () => b.get('app')));
    expect(new Set(values).size).toBe(1);
    expect(b.stats().fills).toBe(1);
  });

  it('staleness is a number once the first watermark came', async () => {
    const a = await pod(memory());
    expect(a.staleness()).toBeLessThan(5_000);
    expect(a.inspect('app')).toMatchObject({
      state: 'none',
      partition: expect.any(Number) as unknown,
      watermark: expect.any(Number) as unknown,
    });
  });

  it('concurrent random writers and readers end with every pod agreeing with the replica', async () => {
    const backend = memory({ eventDelayMs: 1 });
    const pods = [await pod(backend), await pod(backend), await pod(backend)];
    let seed = 7;
    const random = (n: number): number => (seed = (seed * 48_271) % 2_147_483_647) % n;
    const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
    for (let round = 0; round < 60; round += 1) {
      await Promise.all(
        pods.map(async (cache) => {
          const key = keys[random(keys.length)] ?? 'k0';
          const dice = random(10);
          if (dice < 4) await cache.put(key, { roles: [String(random(1_000))] });
          else if (dice < 5) await cache.delete(key);
          else if (dice < 6)
            backend.writeItem('permissions', itemKeyOf('permissions', key), {
              value: `{"roles":["f${random(1_000)}"]}`,
            });
          else await cache.get(key);
        }),
      );
    }
    const truth = await pod(backend);
    await eventually('every pod holds the truth or nothing', async () => {
      const expected = await truth.getMany(keys);
      return pods.every((cache) =>
        keys.every(
          (key) =>
            cache.getIfPresent(key) === undefined ||
            JSON.stringify(cache.getIfPresent(key)) === JSON.stringify(expected.get(key)),
        ),
      );
    });
  });
});

describe('refusals', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'a bad name',
      () => defineCache({ name: 'Not Good', table: 'things', schema: trust() }),
      /name: expected 1 to 64 lower-case/,
    ],
    [
      'a bad table',
      () => defineCache({ name: 'x', table: 'a b', schema: trust() }),
      /cache x: table: 3 to 200|cache x: table: expected 3 to 200/,
    ],
    [
      'a missing schema',
      () => defineCache({ name: 'x', table: 'things' } as never),
      /cache x: schema: expected a Standard Schema/,
    ],
    [
      'a misspelt option',
      () => defineCache({ name: 'x', table: 'things', schema: trust(), maxEntires: 5 } as never),
      /cache x\.maxEntires/,
    ],
    [
      'a bad size',
      () => defineCache({ name: 'x', table: 'things', schema: trust(), maxSize: '5' as never }),
      /cache x: maxSize: expected a size/,
    ],
    [
      'caches that are no array',
      () => createTidemark({ service: 's', backend: memory(), caches: 5 as never }),
      /caches: expected an array/,
    ],
    [
      'two caches of one name',
      () => createTidemark({ service: 's', backend: memory(), caches: [permissions, permissions] }),
      /caches\[1\]\.name/,
    ],
    [
      'a backend that is none',
      () => createTidemark({ service: 's', backend: {} as never, caches: [permissions] }),
      /backend: expected a backend/,
    ],
  ])('%s', (_name, make, message) => {
    expect(make).toThrow(message);
  });

  it.each<[string, unknown, RegExp]>([
    ['empty', '', /non-empty/],
    ['not a string', 5, /expected a string, got number/],
    ['too long', 'x'.repeat(2_100), /at most 2048 bytes/],
    ['a lone surrogate', '\ud800', /lone surrogate/],
  ])('a key that is %s', async (_name, key, message) => {
    const cache = await pod(memory());
    await expect(cache.get(key as string)).rejects.toThrow(message);
    await expect(cache.put(key as string, admin)).rejects.toMatchObject({ code: 'INVALID_KEY' });
  });

  it('undefined, oversize and non-JSON values', async () => {
    const cache = await pod(memory());
    await expect(cache.put('k', undefined as never)).rejects.toMatchObject({ code: 'INVALID_VALUE' });
    await expect(cache.put('k', (() => 1) as never)).rejects.toMatchObject({ code: 'INVALID_VALUE' });
    await expect(cache.put('k', { roles: ['x'.repeat(300_000)] })).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
    await expect(cache.get('k')).resolves.toBeUndefined();
  });

  it('every call after close', async () => {
    const backend = memory();
    const tidemark = createTidemark({ service: 'test', backend, caches: [permissions] });
    await tidemark.start();
    const cache = tidemark.cache(permissions);
    await tidemark.close();
    for (const call of [cache.get('k'), cache.put('k', admin), cache.delete('k'), cache.getMany(['k'])])
      expect(isTidemarkError(await call.catch((error: unknown) => error), 'CLOSED')).toBe(true);
    await expect(tidemark.start()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('a stored value that is not JSON, and nothing is cached of it', async () => {
    const backend = memory();
    const cache = await pod(backend);
    backend.writeItem('permissions', itemKeyOf('permissions', 'k'), { value: '{' });
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'MALFORMED_ITEM' });
    const error: unknown = await cache.getMany(['k', 'other']).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(PartialReadError);
    expect(error).toMatchObject({ missing: ['k'], retriable: false, cause: { code: 'MALFORMED_ITEM' } });
    expect((error as Error).message).toMatch(/1 of 2 keys could not be read: .*stored value refused/);
  });
});
