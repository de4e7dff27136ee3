import { expect, it } from '@jest/globals';
import { decodeHeader, decodePart, encodeHeader, encodeParts, type ListPart } from '@tidemark/cache/internals';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { fuzz, fuzzAsync } from './fuzz.js';

const bucket = 'things';
const list = {
  at: 1_720_740_233_012,
  hot: ['a', 'b', 'c'].map((key, at) => ({ key, rate: 3 - at })),
  recent: ['d', 'é', 'x:y'].map((key, age) => ({ key, age })),
};
const now = (): Promise<void> => Promise.resolve();

it('a part of a list of hot keys, whatever stands in it, is read to keys that can be, or is none', async () => {
  const packed = (await encodeParts(list, now)).map((bytes) => Buffer.from(bytes));
  const texts = packed.map((bytes) => brotliDecompressSync(bytes));
  const outcomes = { read: 0, none: 0 };
  const check = async (input: Uint8Array): Promise<void> => {
    const part = await decodePart(bucket, input, now);
    outcomes[part === undefined ? 'none' : 'read'] += 1;
    if (part !== undefined) expectKeys(part);
  };
  await fuzzAsync({ corpus: packed, runs: 5_000, atOnce: 4 }, check);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 0 };
  await fuzzAsync({ corpus: texts, runs: 15_000, atOnce: 4 }, (input) => check(brotliCompressSync(input, { params })));
  expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(1_000);
}, 600_000);

it('a header of one, whatever stands in it, says a time and how many parts, or is none', () => {
  const outcomes = new Set<boolean>();
  fuzz({ corpus: [Buffer.from(encodeHeader({ at: list.at, parts: 3 }))], runs: 50_000 }, (input) => {
    const header = decodeHeader(Buffer.from(input).toString('utf8'));
    outcomes.add(header !== undefined);
    if (header === undefined) return;
    if (!Number.isSafeInteger(header.at) || !(header.parts >= 0 && header.parts <= 64))
      throw new Error(`read as ${encodeHeader(header)}`);
  });
  expect(outcomes).toEqual(new Set([true, false]));
}, 600_000);

function expectKeys({ hot, recent }: ListPart): void {
  for (const { key, rate } of hot)
    if (typeof key !== 'string' || !(Number.isFinite(rate) && rate >= 0))
      throw new Error(`${key} at a rate of ${rate}`);
  for (const { key, age } of recent)
    if (typeof key !== 'string' || !(Number.isInteger(age) && age >= 0)) throw new Error(`${key} of age ${age}`);
}
