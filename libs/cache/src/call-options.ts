import { checkSignal } from '@tidemark/runtime';
import { type CallOptions, type GetOptions } from './cache.js';
import { invalidOption, oneOf, onlyFields } from './options.js';

const call = ['timeout', 'signal'];
const read = [...call, 'maxStaleness'];

/** What each call takes. */
const fields = {
  get: [...read, 'consistency', 'atLeast'],
  getMany: [...read, 'consistency'],
  getOrLoad: [...read, 'expiresIn', 'lease'],
  put: [...call, 'expiresIn', 'ifVersion'],
  putIfAbsent: [...call, 'expiresIn'],
  putMany: [...call, 'expiresIn'],
  delete: call,
  invalidate: [...call, 'scope'],
  whenVisible: call,
} as const satisfies Record<string, readonly string[]>;

/**
 * Refuses options that a call does not have: one that is misspelt, or is another call's, would be passed over in silence, and the value never
 * expire, or the read be staler than was asked for. Throws `INVALID_OPTIONS` naming the field.
 */
export function checkCallOptions(
  cache: string,
  operation: keyof typeof fields,
  options: CallOptions | undefined,
): void {
  if (options === undefined) return;
  onlyFields(`cache ${cache}: ${operation}`, options, fields[operation]);
  checkSignal(options.signal);
}

/** Whether a miss may be read eventually. Throws `INVALID_OPTIONS`, also beside what such a read cannot keep. */
export function isEventual(options: Pick<GetOptions, 'consistency' | 'atLeast' | 'maxStaleness'> | undefined): boolean {
  if (options?.consistency === undefined) return false;
  const isAsked = oneOf('consistency', options.consistency, ['strong', 'eventual']) === 'eventual';
  if (!isAsked || (options.atLeast === undefined && options.maxStaleness === undefined)) return isAsked;
  throw invalidOption('consistency', "'strong' beside atLeast or maxStaleness", options.consistency);
}

/** Each pair of `entries`. Throws `INVALID_OPTIONS` for what is none. */
export function* pairsOf<K, V>(where: string, entries: Iterable<readonly [K, V]>): Generator<readonly [K, V]> {
  const given: unknown = entries;
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given))
    throw invalidOption(where, 'an iterable of [key, value]', given);
  for (const pair of entries) {
    if (!Array.isArray(pair)) throw invalidOption(where, 'an iterable of [key, value]', 'one of something else');
    yield pair;
  }
}
