import { type Duration, parseDuration } from '@tidemark/runtime';
import { invalidOption, oneOf, onlyFields, wholeNumber } from '../options.js';

/**
 * Which keys a pod reads into L1 before it is ready.
 *
 * - `none` (default): none.
 * - `hot-keys`: those that the region's pods read most, then those that they used last, from the list that the pods keep in the table.
 * - `most-recent`: those that they used last, the last one first, from the same list.
 * - `scan`: whatever the table holds of the cache, in no order. For caches that fit into L1 as a whole.
 */
export type WarmUpStrategy = 'none' | 'hot-keys' | 'most-recent' | 'scan';

export interface WarmUpOptions {
  readonly strategy: WarmUpStrategy;
  /** `start()` waits no longer than this for the warm-up, counted from when the change feed is followed; default `'5s'`. */
  readonly deadline?: Duration;
  /** What is not warm by then: `continue` (default) goes on beside the pod's work, `stop` leaves it to the first get. */
  readonly afterDeadline?: 'continue' | 'stop';
  /** Keys that are read at most; default and at most the cache's `maxEntries`, and 100,000 from a list. */
  readonly maxKeys?: number;
  /** Keys that this pod reads in a second at most; halved whenever the table is throttled. Default 25,000. */
  readonly keysPerSecond?: number;
  /**
   * Regions whose lists are asked for, one after the other until one has keys; `'own'` is this pod's. Default `'own'`. Only keys come from
   * another region; values are always read in this one.
   */
  readonly from?: string | readonly string[];
  /**
   * Regions whose callers may come to this one without notice: once warm, a pod reads their lists again every five to ten minutes (half of
   * `publishEvery` up to all of it), and then what L1 lacks of their keys, 1,000 a second at most and until L1 is full. This region's own name is
   * passed over, so that all regions can have the same. Default: none. Needs `hot-keys` or `most-recent`.
   */
  readonly standbyFor?: string | readonly string[];
  /** How often the pods of the region bring their list up to date, all of them together; default `'10m'`, at least `'10s'`. */
  readonly publishEvery?: Duration;
  /** Parts that `scan` reads side by side; default 4, at most 64. */
  readonly segments?: number;
}

/** The options with their defaults. */
export interface WarmUpPlan {
  readonly strategy: Exclude<WarmUpStrategy, 'none'>;
  readonly deadlineMs: number;
  readonly afterDeadline: 'continue' | 'stop';
  readonly maxKeys: number;
  readonly keysPerSecond: number;
  readonly from: readonly string[];
  readonly standbyFor: readonly string[];
  readonly publishEveryMs: number;
  readonly segments: number;
}

const fields = [
  'strategy',
  'deadline',
  'afterDeadline',
  'maxKeys',
  'keysPerSecond',
  'from',
  'standbyFor',
  'publishEvery',
  'segments',
];
const publishEveryMinMs = 10_000;
const regionsMax = 10;
const keysMax = 16_777_216;

/** `undefined`: no warm-up. Throws `INVALID_OPTIONS` naming the field. */
export function warmUpPlan(field: string, given: WarmUpStrategy | WarmUpOptions): WarmUpPlan | undefined {
  const options = typeof given === 'string' ? { strategy: given } : given;
  onlyFields(field, options, fields);
  const strategy = oneOf(`${field}.strategy`, options.strategy, ['none', 'hot-keys', 'most-recent', 'scan']);
  const plan = {
    deadlineMs: parseDuration(options.deadline ?? '5s', `${field}.deadline`),
    afterDeadline: oneOf(`${field}.afterDeadline`, options.afterDeadline ?? 'continue', ['continue', 'stop']),
    maxKeys: wholeNumber(`${field}.maxKeys`, options.maxKeys ?? keysMax, 1, keysMax),
    keysPerSecond: wholeNumber(`${field}.keysPerSecond`, options.keysPerSecond ?? 25_000, 1, 10_000_000),
    from: regionsOf(`${field}.from`, options.from ?? 'own'),
    standbyFor: standbyFor(`${field}.standbyFor`, strategy, options.standbyFor),
    publishEveryMs: publishEvery(`${field}.publishEvery`, options.publishEvery ?? '10m'),
    segments: wholeNumber(`${field}.segments`, options.segments ?? 4, 1, 64),
  };
  return strategy === 'none' ? undefined : { strategy, ...plan };
}

function regionsOf(field: string, from: string | readonly string[]): readonly string[] {
  const regions: readonly unknown[] = typeof from === 'string' ? [from] : from;
  const isList = Array.isArray(regions) && regions.length > 0 && regions.length <= regionsMax;
  if (isList && regions.every((region) => typeof region === 'string' && /^[a-z0-9-]{1,64}$/.test(region)))
    return regions as readonly string[];
  throw invalidOption(field, `a region, 'own', or up to ${regionsMax} of them`, from);
}

function standbyFor(field: string, strategy: WarmUpStrategy, regions: WarmUpOptions['standbyFor']): readonly string[] {
  if (regions === undefined) return [];
  if (strategy === 'hot-keys' || strategy === 'most-recent') return regionsOf(field, regions);
  throw invalidOption(field, "strategy 'hot-keys' or 'most-recent' beside it,", strategy);
}

function publishEvery(field: string, text: Duration): number {
  const ms = parseDuration(text, field);
  if (ms >= publishEveryMinMs) return ms;
  throw invalidOption(field, `at least '10s', since each costs the writes of a whole list,`, text);
}
