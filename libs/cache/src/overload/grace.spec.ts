import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { type Backend, type Store } from '../backend.js';
import { type CacheTuning } from '../define-cache.js';
import { type Cache, PartialReadError, type PutOptions } from '../index.js';
import { MemoryRegion, tokenOf } from '../testing/memory-region.js';

let region: MemoryRegion;
let fault: 'none' | 'throttled' | 'malformed' | 'stalled' | 'slow';
let requests: number;
let inFlight: number;
let inFlightTop: number;

beforeEach(() => {
  region = new MemoryRegion();
  fault = 'none';
  requests = inFlight = inFlightTop = 0;
});
afterEach(async () => {
  expect(await region.close()).toBe(0);
});

/** A pod whose store fails as `fault` says. */
function pod(tuning: CacheTuning): Promise<Cache<string>> {
  const backend: Backend = {
    name: 'faulty',
    region: region.backend.region,
    open: () => {
      const parts = region.backend.open();
      return { ...parts, store: faulty(parts.store) };
    },
  };
  return region.pod(tuning, { backend });
}

function faulty(store: Store): Store {
  const failing = async <T>(call: { readonly timeoutMs: number }, work: () => Promise<T>): Promise<T> => {
    requests += 1;
    if (fault === 'none') return work();
    if (fault === 'throttled') throw new TidemarkError('THROTTLED', 'slow down', { retriable: true });
    if (fault === 'malformed') throw new TidemarkError('MALFORMED_ITEM', 'what is this', { retriable: false });
    if (fault === 'slow') {
      if (call.timeoutMs <= 60) throw new TidemarkError('TIMEOUT', 'slow', { retriable: true });
      await new Promise<void>((resolve) => region.clock.setTimer(resolve, 60));
      return work();
    }
    inFlight += 1;
    inFlightTop = Math.max(inFlightTop, inFlight);
    await new Promise<void>((resolve) => region.clock.setTimer(resolve, call.timeoutMs));
    inFlight -= 1;
    throw new TidemarkError('TIMEOUT', 'stalled', { retriable: true });
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'read') return (...args: Parameters<Store['read']>) => failing(args[2], () => target.read(...args));
      if (name === 'readMany')
        return (...args: Parameters<Store['readMany']>) => failing(args[2], () => target.readMany(...args));
      if (name === 'touch')
        return (...args: Parameters<Store['touch']>) => failing(args[3], () => target.touch(...args));
      const method: unknown = Reflect.get(target, name);
      return typeof method === 'function' ? (method.bind(target) as unknown) : method;
    },
  });
}

/** A pod that holds `k`, ten seconds after the watermark has stopped. */
async function late(tuning: CacheTuning, options?: PutOptions): Promise<Cache<string>> {
  const cache = await pod({ maxStaleness: '4s', ...tuning });
  await cache.put('k', 'v', options);
  region.backend.pauseFeeds(true);
  await region.clock.advance(10_000);
  return cache;
}

const codeOf = async (call: Promise<unknown>): Promise<unknown> =>
  region.within(
    2_000,
    call.catch((error: unknown): unknown => Reflect.get(Object(error), 'code')),
  );

describe('grace, while L2 fails', () => {
  it('serves what L1 has, though the watermark stands still, and counts it', async () => {
    const cache = await late({ grace: '1m' });
    fault = 'throttled';
    expect(await codeOf(cache.get('k'))).toBe('v');
    fault = 'stalled';
    expect(await codeOf(cache.get('k'))).toBe('v');
    expect(await codeOf(cache.getMany(['k']))).toEqual(new Map([['k', 'v']]));
    expect(cache.stats()).toMatchObject({ graceHits: 3, hits: 0, misses: 3 });
  });

  it('serves nothing without the option, nor what it was not meant for', async () => {
    const cache = await late({ grace: '1m' });
    fault = 'malformed';
    expect(await codeOf(cache.get('k'))).toBe('MALFORMED_ITEM');
    fault = 'throttled';
    const partial = await cache.getMany(['k', 'other']).catch((error: unknown) => error);
    expect(partial).toBeInstanceOf(PartialReadError);
    expect(partial).toMatchObject({ found: new Map([['k', 'v']]), missing: ['other'] });
    expect(await codeOf(cache.get('other'))).toBe('THROTTLED');
    expect(await codeOf(cache.get('k', { maxStaleness: '2s' }))).toBe('THROTTLED');
  });

  it('ends when the entry is older than maxStaleness and grace together', async () => {
    const cache = await late({ grace: '8s' });
    fault = 'throttled';
    expect(await cache.get('k')).toBe('v');
    await region.clock.advance(3_000);
    expect(await codeOf(cache.get('k'))).toBe('THROTTLED');
  });

  it('is none by default', async () => {
    const cache = await late({});
    fault = 'throttled';
    expect(await codeOf(cache.get('k'))).toBe('THROTTLED');
  });

  it('never serves what has expired', async () => {
    const cache = await late({ grace: '1m' }, { expiresIn: '5s' });
    fault = 'throttled';
    expect(await codeOf(cache.get('k'))).toBe('THROTTLED');
  });

  it('never answers a token', async () => {
    const cache = await late({ grace: '1m' });
    const token = tokenOf(await cache.put('k', 'w'));
    await region.clock.advance(10_000);
    fault = 'throttled';
    expect(await codeOf(cache.get('k', { atLeast: token }))).toBe('THROTTLED');
  });
});

describe('a store that answers nothing for 30 s, under load', () => {
  it('leaves hits alone, is asked for a bounded number of reads, and is used again as soon as it answers', async () => {
    const cache = await pod({});
    await cache.put('hot', 'v');
    fault = 'stalled';
    const codes = new Map<unknown, number>();
    const count = (code: unknown): unknown => codes.set(code, (codes.get(code) ?? 0) + 1);
    for (let tick = 0; tick < 600; tick += 1) {
      expect(cache.getIfPresent('hot')).toBe('v');
      for (let n = 0; n < 5; n += 1)
        void cache
          .get(`cold-${tick % 200}-${n}`)
          .then(count, (error: unknown) => count(Reflect.get(Object(error), 'code')));
      await region.clock.advance(50);
    }
    await region.clock.advance(2_000);
    expect([...codes.values()].reduce((sum, each) => sum + each, 0)).toBe(3_000);
    expect([...codes.keys()].every((code) => code === 'TIMEOUT' || code === 'OVERLOADED')).toBe(true);
    expect(inFlightTop).toBeLessThanOrEqual(64);
    expect(requests).toBeLessThan(300);
    fault = 'none';
    for (let n = 0; n < 200; n += 1) {
      void cache.get(`again-${n}`).catch(() => undefined);
      await region.clock.advance(50);
    }
    expect(await cache.get('cold-0-0')).toBeUndefined();
  });
});

describe('a slow store', () => {
  it('holds an invalidation of many keys no longer than its one time-out', async () => {
    const cache = await pod({});
    fault = 'slow';
    const startedMs = region.clock.monotonicMs();
    let endedMs = 0;
    const keys = Array.from({ length: 1_000 }, (_, n) => `k${n}`);
    const call = cache.invalidate(keys, { scope: 'everywhere', timeout: '200ms' }).catch((error: unknown): unknown => {
      endedMs = region.clock.monotonicMs();
      return Reflect.get(Object(error), 'code');
    });
    expect(await region.within(5_000, call)).toBe('TIMEOUT');
    expect(endedMs - startedMs).toBeLessThanOrEqual(200);
  });
});
