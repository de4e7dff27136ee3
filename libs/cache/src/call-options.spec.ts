import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Cache } from './cache.js';
import { MemoryRegion, tokenOf } from './testing/memory-region.js';

let region: MemoryRegion;
let cache: Cache<string>;

beforeEach(async () => {
  region = new MemoryRegion();
  cache = await region.pod();
});

afterEach(async () => {
  expect(await region.close()).toBe(0);
});

/** Every call that takes options, with options of any kind. */
const calls: Record<string, (options: never) => Promise<unknown>> = {
  get: (options) => cache.get('k', options),
  getMany: (options) => cache.getMany(['k'], options),
  getOrLoad: (options) => cache.getOrLoad('k', async () => 'v', options),
  put: (options) => cache.put('k', 'v', options),
  putIfAbsent: (options) => cache.putIfAbsent('k', 'v', options),
  putMany: (options) => cache.putMany([['k', 'v']], options),
  delete: (options) => cache.delete('k', options),
  invalidate: (options) => cache.invalidate(['k'], options),
  whenVisible: async (options) => cache.whenVisible(tokenOf(await cache.put('k', 'v')), options),
};

describe.each(Object.keys(calls))('the options of %s', (name) => {
  const call = async (options: unknown): Promise<unknown> => calls[name]?.(options as never);

  it.each([null, 'text', 5])('are an object, and not %j', async (options) => {
    await expect(call(options)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringContaining(`${name}: expected an object of options, got `),
    });
  });

  it.each(['timeOut', 'expiresin', '__proto__'])('are none but its own: not %s', async (field) => {
    await expect(call({ ...JSON.parse(`{ "${field}": "1s" }`) })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringContaining(`${name}.${field}: expected one of timeout, signal`),
    });
  });

  it.each(['x', {}, 5])('hold no signal that is none: %j', async (signal) => {
    const l2Before = region.backend.readItem('things', 'things:k');
    await expect(call({ signal })).rejects.toMatchObject({ code: 'INVALID_OPTIONS', context: { field: 'signal' } });
    if (name !== 'whenVisible') expect(region.backend.readItem('things', 'things:k')).toBe(l2Before);
  });
});

describe('options of another call', () => {
  it('are refused rather than passed over', async () => {
    const token = tokenOf(await cache.put('k', 'v'));
    for (const misplaced of [
      cache.getMany(['k'], { atLeast: token } as never),
      cache.getOrLoad('k', async () => 'v', { atLeast: token } as never),
      cache.putIfAbsent('k', 'v', { ifVersion: token } as never),
      cache.putMany([['k', 'v']], { ifVersion: token } as never),
      cache.delete('k', { ifVersion: token } as never),
    ])
      await expect(misplaced).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });
});

describe('putMany', () => {
  it.each([undefined, null, 5, 'text', { k: 'v' }, [5], ['kv'], [null]])('of %j is refused', async (entries) => {
    await expect(cache.putMany(entries as never)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringMatching(/putMany: expected an iterable of \[key, value\], got /),
    });
  });

  it('of any iterable of pairs is taken', async () => {
    for (const entries of [new Map([['a', '1']]), [['b', '2']] as const, new Map([['c', '3']]).entries()])
      expect((await cache.putMany(entries)).size).toBe(1);
  });
});
