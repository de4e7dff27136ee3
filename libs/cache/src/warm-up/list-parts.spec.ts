import { randomBytes } from 'node:crypto';
import { brotliCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type HotKeyList } from './hot-key-list.js';
import { decodeHeader, decodePart, encodeHeader, encodeParts, partBytesMax, partsMax } from './list-parts.js';

async function roundTrip(list: HotKeyList): Promise<{ hot: string[]; recent: [string, number][]; bytes: number[] }> {
  const hot: string[] = [];
  const recent: [string, number][] = [];
  const parts = await encodeParts(list);
  for (const part of parts) {
    const decoded = await decodePart('things', part);
    hot.push(...(decoded?.hot ?? []).map(({ key }) => key));
    recent.push(...(decoded?.recent ?? []).map(({ key, age }): [string, number] => [key, age]));
  }
  return { hot, recent, bytes: parts.map(({ byteLength }) => byteLength) };
}

/** Hardly compressible. */
function randomText(length: number): string {
  return randomBytes(length).toString('base64').slice(0, length);
}

describe('list parts', () => {
  it('bring back every key in its order, with its age', async () => {
    const key = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
    const ages = fc.array(fc.tuple(key, fc.integer({ min: 0, max: 6 })), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.array(key), ages, async (hot, recent) => {
        const list = {
          at: 1,
          hot: hot.map((each, at) => ({ key: each, rate: at })),
          recent: recent.map(([each, age]) => ({ key: each, age })),
        };
        const { hot: hotBack, recent: recentBack } = await roundTrip(list);
        expect(hotBack).toEqual(hot);
        expect(recentBack).toEqual(recent);
      }),
      { numRuns: 60 },
    );
  });

  it('of 100,000 keys of 36 random characters fit into a few items, none larger than it may be', async () => {
    const recent = Array.from({ length: 100_000 }, () => ({ key: randomText(36), age: 0 }));
    const { recent: back, bytes } = await roundTrip({ at: 1, hot: [], recent });
    expect(back.length).toBe(100_000);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(partBytesMax);
    expect(bytes.length).toBeLessThan(partsMax);
  });

  it('leave out what goes beyond the parts of a list, and keep the hottest', async () => {
    const recent = Array.from({ length: 9_000 }, () => ({ key: randomText(1_900), age: 0 }));
    const { hot, recent: back, bytes } = await roundTrip({ at: 1, hot: [{ key: 'hottest', rate: 9 }], recent });
    expect(bytes.length).toBeLessThanOrEqual(partsMax);
    expect(hot).toEqual(['hottest']);
    expect(back.length).toBeGreaterThan(5_000);
    expect(back.length).toBeLessThan(9_000);
  });

  const packed = (given: unknown): Uint8Array => brotliCompressSync(JSON.stringify(given));

  it.each([
    ['no Brotli', Uint8Array.of(1, 2, 3)],
    ['nothing', new Uint8Array()],
    ['half of one', packed({ hot: [], recent: ['a'.repeat(500)], ages: [] }).subarray(0, 10)],
    ['no JSON', brotliCompressSync('{')],
    ['JSON of another kind', packed(null)],
    ['a text where a list should be', packed({ hot: 'a', recent: [], ages: [] })],
    ['a hot key that is no pair', packed({ hot: [['a']], recent: [], ages: [] })],
    [
      'more keys than a list may have',
      packed({ hot: [], recent: Array.from({ length: 100_001 }, () => 'a'), ages: [] }),
    ],
    ['a bomb', brotliCompressSync(Buffer.alloc(64 * 1_024 * 1_024))],
  ])('take %s for no part', async (_what, bytes) => {
    expect(await decodePart('things', bytes)).toBeUndefined();
  });

  it('pass over keys that no cache can have, and rates that are none', async () => {
    const part = packed({
      hot: [
        ['a', 1],
        ['', 1],
        ['b', 'x'],
        ['c', -1],
        [7, 1],
        ['d'.repeat(3_000), 1],
      ],
      recent: ['e', '', 7, null, '\ud800', 'f'],
      ages: [
        ['x', 1],
        [2, 6],
        [-1, 2],
      ],
    });
    expect(await decodePart('things', part)).toEqual({
      hot: [{ key: 'a', rate: 1 }],
      recent: [
        { key: 'e', age: 1_000 },
        { key: 'f', age: 2 },
      ],
    });
  });
});

describe('a list’s header', () => {
  it('comes back', () => {
    expect(decodeHeader(encodeHeader({ at: 1_700_000_000_000, parts: 3 }))).toEqual({
      at: 1_700_000_000_000,
      parts: 3,
    });
  });

  it.each(['', '[]', 'null', '{"at":1}', '{"at":1,"parts":1.5}', '{"at":1,"parts":65}', '{"at":-1,"parts":1}'])(
    'that says %j is none',
    (header) => {
      expect(decodeHeader(header)).toBeUndefined();
    },
  );
});
