import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { itemKeyOf } from '@tidemark/protocol';
import { settle } from '@tidemark/runtime/testing';
import { MemoryRegion, tokenOf } from './testing/memory-region.js';

let region: MemoryRegion;

beforeEach(() => {
  region = new MemoryRegion();
});
afterEach(async () => {
  expect(await region.close()).toBe(0);
});

describe('putIfAbsent', () => {
  it('puts where there is nothing, and only there', async () => {
    const a = await region.pod();
    await expect(a.putIfAbsent('k', 'one')).resolves.toMatchObject({ applied: true });
    await expect(a.putIfAbsent('k', 'two')).resolves.toEqual({ applied: false, reason: 'exists' });
    await expect(a.get('k')).resolves.toBe('one');
  });

  it.each(['remove', 'tombstone'] as const)('puts over what a delete in mode %s left', async (deletes) => {
    const a = await region.pod({ deletes });
    await a.put('k', 'one');
    await a.delete('k');
    await region.soon();
    await expect(a.get('k')).resolves.toBeUndefined();
    await expect(a.putIfAbsent('k', 'two')).resolves.toMatchObject({ applied: true });
    await expect(a.get('k')).resolves.toBe('two');
  });

  it('puts over a value that has expired, though it is still stored', async () => {
    const a = await region.pod();
    await a.put('k', 'one', { expiresIn: '10s' });
    await expect(a.putIfAbsent('k', 'two')).resolves.toMatchObject({ applied: false });
    await region.clock.advance(11_000);
    await expect(a.putIfAbsent('k', 'two')).resolves.toMatchObject({ applied: true });
  });
});

describe('a receipt', () => {
  it('may be taken apart before it is known whether the write was applied', async () => {
    const a = await region.pod();
    const { applied, token, reason } = await a.putIfAbsent('k', 'one');
    expect([applied, reason]).toEqual([true, undefined]);
    const { applied: again, token: none, reason: why } = await a.putIfAbsent('k', 'two');
    expect([again, none, why]).toEqual([false, undefined, 'exists']);
    if (token !== undefined) await expect(a.get('k', { atLeast: token })).resolves.toBe('one');
  });
});

describe('ifVersion', () => {
  it('puts over exactly that write', async () => {
    const [a, b] = [await region.pod(), await region.pod()];
    const first = tokenOf(await a.put('k', 'one'));
    const second = tokenOf(await b.put('k', 'two', { ifVersion: first }));
    await expect(a.put('k', 'three', { ifVersion: first })).resolves.toEqual({
      ...{ applied: false, reason: 'version-mismatch' },
    });
    await expect(a.put('k', 'three', { ifVersion: second })).resolves.toMatchObject({ applied: true });
    await region.soon();
    await expect(b.get('k')).resolves.toBe('three');
  });

  it('refuses tokens of another key, and of a delete', async () => {
    const a = await region.pod();
    const other = tokenOf(await a.put('other', 'one'));
    await expect(a.put('k', 'x', { ifVersion: other })).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
    const gone = tokenOf(await a.delete('other'));
    await expect(a.put('other', 'x', { ifVersion: gone })).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
    await expect(a.put('k', 'x', { ifVersion: 'nonsense' as never })).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
  });
});

describe('putMany', () => {
  it('gives every key its receipt or its error, in the order given', async () => {
    const a = await region.pod();
    const outcomes = await a.putMany([
      ['a', 'one'],
      ['b', undefined as never],
      ['c', 'three'],
    ]);
    expect([...outcomes.keys()]).toEqual(['a', 'b', 'c']);
    expect([...outcomes.values()]).toMatchObject([
      { receipt: { applied: true } },
      { error: { code: 'INVALID_VALUE' } },
      { receipt: { applied: true } },
    ]);
    await expect(a.getMany(['a', 'b', 'c'])).resolves.toEqual(
      new Map([
        ['a', 'one'],
        ['c', 'three'],
      ]),
    );
  });

  it('writes nothing when a key is given twice or cannot be stored', async () => {
    const a = await region.pod();
    await expect(
      a.putMany([
        ['a', 'x'],
        ['a', 'y'],
      ]),
    ).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(
      a.putMany([
        ['a', 'x'],
        ['', 'y'],
      ]),
    ).rejects.toMatchObject({ code: 'INVALID_KEY' });
    expect(a.stats().puts).toBe(0);
  });
});

describe('getOrLoad', () => {
  it('loads once for all pods and callers, and every pod has it', async () => {
    const pods = [await region.pod(), await region.pod(), await region.pod()];
    let loads = 0;
    const load = async (): Promise<string> => {
      loads += 1;
      await new Promise<void>((resolve) => region.clock.setTimer(resolve, 1_000));
      return 'loaded';
    };
    const calls = pods.flatMap((each) => [each.getOrLoad('k', load), each.getOrLoad('k', load)]);
    await expect(region.within(3_000, Promise.all(calls))).resolves.toEqual(Array.from({ length: 6 }, () => 'loaded'));
    expect(loads).toBe(1);
    await expect(pods[1]?.getOrLoad('k', () => Promise.reject(new Error('never')))).resolves.toBe('loaded');
  });

  it('hazard 56: never overwrites what was put or deleted while it ran', async () => {
    const [a, b] = [await region.pod(), await region.pod()];
    let end: (value: string) => void = () => undefined;
    const slow = a.getOrLoad('k', () => new Promise<string>((resolve) => (end = resolve)));
    await settle();
    await b.put('k', 'newer');
    await b.delete('k');
    await b.put('k', 'newest');
    end('old');
    await expect(slow).resolves.toBe('newest');
    await region.soon();
    await expect(b.get('k', { maxStaleness: '0ms' })).resolves.toBe('newest');
  });

  it('an absence that L1 holds does not keep it from loading', async () => {
    const a = await region.pod();
    await expect(a.get('k')).resolves.toBeUndefined();
    await expect(a.getOrLoad('k', async () => 'loaded', { expiresIn: '1h' })).resolves.toBe('loaded');
  });

  it('a pod that loads leaves tombstones when it deletes, unless it was told otherwise', async () => {
    const a = await region.pod();
    await a.getOrLoad('k', async () => 'loaded');
    await a.delete('k');
    await region.soon();
    await expect(a.putIfAbsent('k', 'again')).resolves.toMatchObject({ applied: true });
    expect(region.backend.readItem('things', itemKeyOf('things', 'k'))).toMatchObject({
      writeId: { S: expect.any(String) },
    });
    await a.delete('k');
    expect(region.backend.readItem('things', itemKeyOf('things', 'k'))).toMatchObject({ tombstone: { BOOL: true } });
  });

  it('hazard 62: without a lease it adds only if absent, and must expire', async () => {
    const a = await region.pod();
    const load = async (): Promise<string> => {
      await (await region.pod()).put('k', 'put');
      return 'loaded';
    };
    await expect(a.getOrLoad('k', load, { lease: false })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(a.getOrLoad('k', load, { lease: false, expiresIn: '1m' })).resolves.toBe('put');
    await expect(a.getOrLoad('j', async () => 'loaded', { lease: false, expiresIn: '1m' })).resolves.toBe('loaded');
  });

  it('refuses a loader that is none', async () => {
    const a = await region.pod();
    await expect(a.getOrLoad('k', 'x' as never)).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });
});

describe('invalidate', () => {
  it('drops the keys in every pod, and nothing else', async () => {
    const [a, b] = [await region.pod(), await region.pod()];
    for (const key of ['x', 'y']) {
      await a.put(key, 'one');
      await b.get(key);
    }
    await region.soon();
    await a.invalidate(['x', 'x']);
    await region.soon();
    expect([a, b].map((each) => [each.getIfPresent('x'), each.getIfPresent('y')])).toEqual([
      [undefined, 'one'],
      [undefined, 'one'],
    ]);
  });

  it('everywhere also touches the items, as a foreign writer would', async () => {
    const [a, b] = [await region.pod({}, { fastLane: false }), await region.pod()];
    await a.put('x', 'one');
    await b.get('x');
    await region.soon();
    await expect(a.invalidate(['x'])).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await a.invalidate(['x', 'missing'], { scope: 'everywhere' });
    await region.soon();
    expect([a.getIfPresent('x'), b.getIfPresent('x')]).toEqual([undefined, undefined]);
    await expect(b.get('x')).resolves.toBe('one');
  });

  it('refuses what is no list of keys, and an unknown scope', async () => {
    const a = await region.pod();
    await expect(a.invalidate('x' as never)).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(a.invalidate(['x'], { scope: 'world' as never })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });
});
