import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import { keyProblem } from '@tidemark/protocol';
import { type HotKeyList, type HotListed, listKeysMax, type RecentlyListed } from './hot-key-list.js';
import { inSlices, nextTurn, type Pause, sliceKeys } from './slices.js';

/** A piece of a list that stands by itself: pieces of several publications make a list, too. */
export interface ListPart {
  readonly hot: readonly HotListed[];
  readonly recent: readonly RecentlyListed[];
}

export interface ListHeader {
  /** Ms since the epoch. */
  readonly at: number;
  readonly parts: number;
}

/** Named in the items; another version of the format gets another name. */
export const listCodec = 'hot-keys-1';
/** Compressed, of one part. */
export const partBytesMax = 200 * 1_024;
/** Of one list: as many parts as 100,000 keys of a hundred random bytes each need. The rest is left out. */
export const partsMax = 64;

/** Text of one part before it is compressed, characters. */
const textMax = 512 * 1_024;
/** A part that is larger than any that is written is not unpacked. */
const unpackedBytesMax = 4 * 1_024 * 1_024;
/** Brotli's, of 0 to 11: two thirds of the best in a twentieth of its time. */
const quality = 4;

const compress = promisify(brotliCompress);
const decompress = promisify(brotliDecompress);

/** The parts of a list, written in slices and compressed outside the event loop's thread; the hottest keys are in the first. */
export async function encodeParts(list: HotKeyList, pause: Pause = nextTurn): Promise<readonly Uint8Array[]> {
  const packed: Uint8Array[] = [];
  for await (const part of piecesOf(list, pause)) {
    packed.push(...(await packedParts(part, pause)));
    if (packed.length >= partsMax) break;
  }
  return packed.slice(0, partsMax);
}

/** `undefined`: it is none of ours, or damaged. A key that no cache of this name can have is left out. */
export async function decodePart(
  bucket: string,
  bytes: Uint8Array,
  pause: Pause = nextTurn,
): Promise<ListPart | undefined> {
  try {
    const unpacked = await decompress(bytes, { maxOutputLength: unpackedBytesMax });
    const parsed: unknown = JSON.parse(unpacked.toString('utf8'));
    await pause();
    return await partOf(bucket, parsed, pause);
  } catch {
    return undefined;
  }
}

export function encodeHeader({ at, parts }: ListHeader): string {
  return JSON.stringify({ at, parts });
}

/** `undefined`: it is none of ours, or damaged. */
export function decodeHeader(text: string): ListHeader | undefined {
  const { at, parts } = Object(attempt(text)) as Partial<Record<keyof ListHeader, unknown>>;
  if (!isWhole(at, Number.MAX_SAFE_INTEGER) || !isWhole(parts, partsMax)) return undefined;
  return { at, parts };
}

/** Rates as pairs, ages as runs: they change seldom along a list. */
interface PartText {
  readonly hot: readonly (readonly [string, number])[];
  readonly recent: readonly string[];
  readonly ages: readonly (readonly [age: number, keys: number])[];
}

async function packedParts(part: ListPart, pause: Pause): Promise<readonly Uint8Array[]> {
  const text = await textOf(part, pause);
  const bytes = await compress(text, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } });
  const keys = part.hot.length + part.recent.length;
  if (bytes.byteLength <= partBytesMax || keys < 2) return bytes.byteLength <= partBytesMax ? [bytes] : [];
  const half = Math.floor(keys / 2);
  const hotHalf = Math.min(half, part.hot.length);
  const recentHalf = half - hotHalf;
  return [
    ...(await packedParts({ hot: part.hot.slice(0, hotHalf), recent: part.recent.slice(0, recentHalf) }, pause)),
    ...(await packedParts({ hot: part.hot.slice(hotHalf), recent: part.recent.slice(recentHalf) }, pause)),
  ];
}

async function* piecesOf({ hot, recent }: HotKeyList, pause: Pause): AsyncGenerator<ListPart> {
  for await (const some of runs(hot, pause)) yield { hot: some, recent: [] };
  for await (const some of runs(recent, pause)) yield { hot: [], recent: some };
}

async function* runs<T extends { readonly key: string }>(
  all: readonly T[],
  pause: Pause,
): AsyncGenerator<readonly T[]> {
  let from = 0;
  let length = 0;
  for (const [at, { key }] of all.entries()) {
    if (length + key.length > textMax) {
      yield all.slice(from, at);
      from = at;
      length = 0;
    }
    length += key.length + 20;
    if (at % sliceKeys === sliceKeys - 1) await pause();
  }
  if (from < all.length) yield all.slice(from);
}

async function textOf({ hot, recent }: ListPart, pause: Pause): Promise<string> {
  const ages: [number, number][] = [];
  const add = ({ age }: RecentlyListed): void => {
    const last = ages.at(-1);
    if (last?.[0] === age) last[1] += 1;
    else ages.push([age, 1]);
  };
  await inSlices(recent, add, pause);
  const fields: Record<keyof PartText, string> = {
    hot: await jsonOf(hot, ({ key, rate }) => [key, Number(rate.toPrecision(3))], pause),
    recent: await jsonOf(recent, ({ key }) => key, pause),
    ages: await jsonOf(ages, (run) => run, pause),
  };
  return `{"hot":${fields.hot},"recent":${fields.recent},"ages":${fields.ages}}`;
}

async function jsonOf<T>(all: readonly T[], one: (each: T) => unknown, pause: Pause): Promise<string> {
  const slices: string[] = [];
  for (let from = 0; from < all.length; from += sliceKeys) {
    slices.push(JSON.stringify(all.slice(from, from + sliceKeys).map(one)).slice(1, -1));
    await pause();
  }
  return `[${slices.join()}]`;
}

async function partOf(bucket: string, given: unknown, pause: Pause): Promise<ListPart | undefined> {
  const { hot, recent, ages } = Object(given) as Partial<Record<keyof PartText, unknown>>;
  if (!isPairs(hot) || !Array.isArray(recent) || !isPairs(ages)) return undefined;
  if (hot.length + recent.length > listKeysMax) return undefined;
  const isKey = (key: unknown): key is string => keyProblem(bucket, key) === undefined;
  const hotListed: HotListed[] = [];
  const takeHot = ([key, rate]: readonly unknown[]): void => {
    if (isKey(key) && isRate(rate)) hotListed.push({ key, rate });
  };
  await inSlices(hot, takeHot, pause);
  const ageOf = agesOf(ages);
  const recentlyListed: RecentlyListed[] = [];
  let at = 0;
  const takeRecent = (key: unknown): void => {
    if (isKey(key)) recentlyListed.push({ key, age: ageOf(at) });
    at += 1;
  };
  await inSlices(recent as readonly unknown[], takeRecent, pause);
  return { hot: hotListed, recent: recentlyListed };
}

/** The age at each place, asked for in order; keys that no run covers are as old as can be. */
function agesOf(pairs: readonly (readonly unknown[])[]): (at: number) => number {
  let run = 0;
  let end = 0;
  return (at) => {
    for (; at >= end && run < pairs.length; run += 1)
      end += isWhole(pairs[run]?.[1], listKeysMax) ? (pairs[run]?.[1] as number) : 0;
    const age = pairs[run - 1]?.[0];
    return at < end && isWhole(age, 1_000) ? age : 1_000;
  };
}

function isPairs(given: unknown): given is readonly (readonly unknown[])[] {
  return Array.isArray(given) && given.every((pair) => Array.isArray(pair) && pair.length === 2);
}

function isRate(given: unknown): given is number {
  return typeof given === 'number' && Number.isFinite(given) && given >= 0;
}

function isWhole(given: unknown, max: number): given is number {
  return typeof given === 'number' && Number.isInteger(given) && given >= 0 && given <= max;
}

function attempt(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
