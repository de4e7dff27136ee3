import { inSlices, nextTurn, type Pause } from './slices.js';

/** Keys of one cache that the pods of one region use, as they tell each other and pods to come. */
export interface HotKeyList {
  /** Ms since the epoch: when it was published. */
  readonly at: number;
  /** The hottest first. */
  readonly hot: readonly HotListed[];
  /** The key that was used last first, those in `hot` among them. */
  readonly recent: readonly RecentlyListed[];
}

export interface HotListed {
  readonly key: string;
  /** Reads per second of a pod, in the mean of those that published. */
  readonly rate: number;
}

export interface RecentlyListed {
  readonly key: string;
  /** Publications since a pod had it in its L1 when it published. */
  readonly age: number;
}

/** What one pod knows: its sketch, and slices of the keys of its L1, the one that was used last first. */
export interface OwnKeys {
  readonly hot: readonly HotListed[];
  readonly recent: Iterable<readonly string[]>;
}

/** Keys of a list, save some that are hot and in no pod's L1. */
export const listKeysMax = 100_000;
/** Of them, those that have a rate. */
const hotMax = 10_000;
/** Reads per second that are nothing to speak of. */
const rateMin = 0.01;
/** Publications that a key outlives without being in any publishing pod's L1. */
const ageMax = 6;

/**
 * The list that follows `old`. What the publishing pod does not know of counts half as much each time, and is left out in the end. A pod has calls
 * to answer meanwhile: the work is done in slices.
 */
export async function nextList(
  old: HotKeyList | undefined,
  own: OwnKeys,
  at: number,
  pause: Pause = nextTurn,
): Promise<HotKeyList> {
  const taken = new Set<string>();
  const recent: RecentlyListed[] = [];
  const add = (key: string, age: number): void => {
    if (taken.size >= listKeysMax || taken.has(key)) return;
    taken.add(key);
    recent.push({ key, age });
  };
  for (const slice of own.recent) {
    for (const key of slice) add(key, 0);
    await pause();
  }
  await inSlices(old?.recent ?? [], ({ key, age }) => age < ageMax && add(key, age + 1), pause);
  await pause();
  return { at, hot: mergedHot(old, own), recent };
}

function mergedHot(old: HotKeyList | undefined, own: OwnKeys): readonly HotListed[] {
  if (old === undefined) return strongest(own.hot);
  const rates = new Map(old.hot.map(({ key, rate }) => [key, rate / 2]));
  for (const { key, rate } of own.hot) rates.set(key, (rates.get(key) ?? 0) + rate / 2);
  return strongest([...rates].map(([key, rate]) => ({ key, rate })));
}

function strongest(keys: readonly HotListed[]): readonly HotListed[] {
  return keys
    .filter(({ rate }) => rate >= rateMin)
    .sort((a, b) => b.rate - a.rate)
    .slice(0, hotMax);
}

/** The keys of a list, each once, in the order in which a strategy reads them. */
export async function keysInOrder(
  { hot, recent }: HotKeyList,
  strategy: 'hot-keys' | 'most-recent',
  pause: Pause = nextTurn,
): Promise<readonly string[]> {
  const both = strategy === 'hot-keys' ? [hot, recent] : [recent, hot];
  const keys = new Set<string>();
  for (const list of both) await inSlices<HotListed | RecentlyListed>(list, ({ key }) => keys.add(key), pause);
  return [...keys];
}

/** Each key where it comes first. */
export async function distinct<T extends { readonly key: string }>(
  listed: readonly T[],
  pause: Pause = nextTurn,
): Promise<readonly T[]> {
  const seen = new Set<string>();
  const found: T[] = [];
  const take = (one: T): void => {
    const { key } = one;
    if (seen.has(key)) return;
    seen.add(key);
    found.push(one);
  };
  await inSlices(listed, take, pause);
  return found;
}
