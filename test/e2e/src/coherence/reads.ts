import { isTidemarkError } from '@tidemark/cache';
import { eventually } from '@tidemark/runtime/testing';
import { firstTwo, type Pod } from './pods.js';
import { type Quantiles, quantiles } from './quantiles.js';
import { putToken } from './visible.js';

export interface TokenFigure {
  readonly rounds: number;
  /** Gets with the token of the put just before, in another pod, that were older than the put. */
  readonly older: number;
  /** What these gets would have been without the token: what L1 of that pod held at that moment. */
  readonly olderWithoutToken: number;
  /** Code that a token of another region is refused with. */
  readonly otherRegion: string;
}

/** Puts in one pod, reads with the token in another right after; then the other way round. */
export async function readWithTokens(pods: readonly Pod[], other: Pod, rounds: number): Promise<TokenFigure> {
  const [first, second] = firstTwo(pods);
  let older = 0;
  let olderWithoutToken = 0;
  const key = 'token';
  for (const { cache } of pods) await cache.get(key);
  for (let n = 1; n <= rounds; n += 1) {
    // Not in turns: a late event of the reader's own last put but one would have dropped what it is to be tempted with.
    const [writer, reader] = n * 2 <= rounds ? [first, second] : [second, first];
    const token = await putToken(writer, key, n);
    if ((reader.cache.getIfPresent(key)?.n ?? n) < n) olderWithoutToken += 1;
    if (((await reader.cache.get(key, { atLeast: token }))?.n ?? 0) < n) older += 1;
  }
  const token = await putToken(first, key, rounds + 1);
  const otherRegion = await other.cache.get(key, { atLeast: token }).then(
    () => 'no error',
    (error: unknown) => (isTidemarkError(error) ? error.code : String(error)),
  );
  return { rounds, older, olderWithoutToken, otherRegion };
}

export interface InvalidateFigure {
  readonly rounds: number;
  /** From the call until the last of the pods holds nothing, for every pod of the region, and of all regions by `everywhere`. */
  readonly region: Quantiles;
  readonly everywhere: Quantiles;
  /** After an invalidation of the region: pods of the other one that lost the key with it. */
  readonly lostElsewhere: number;
}

/** Every pod of two regions holds the key: some a copy of the table's, the last of each region a value put by `localPut`. */
export async function invalidateInTurn(
  home: readonly Pod[],
  away: readonly Pod[],
  rounds: number,
): Promise<InvalidateFigure> {
  const [caller] = firstTwo(home);
  const key = 'invalid';
  await caller.cache.put(key, { n: 1 });
  const region: number[] = [];
  const everywhere: number[] = [];
  let lostElsewhere = 0;
  for (let i = 0; i < rounds; i += 1) {
    await hold([...home, ...away], key);
    region.push(await untilEmpty(home, key, () => caller.cache.invalidate([key])));
    lostElsewhere += away.filter(({ cache }) => cache.inspect(key).state === 'none').length;
    await hold([...home, ...away], key);
    everywhere.push(
      await untilEmpty([...home, ...away], key, () => caller.cache.invalidate([key], { scope: 'everywhere' })),
    );
  }
  return { rounds, region: quantiles(region), everywhere: quantiles(everywhere), lostElsewhere };
}

/** Until an event of the round before has come through, it may drop what was just read: then it is read again. */
async function hold(pods: readonly Pod[], key: string): Promise<void> {
  await eventually('every pod holds the key', async () => {
    await Promise.all(pods.map(({ cache }) => cache.get(key)));
    await new Promise((resolve) => setTimeout(resolve, 150));
    return pods.every(({ cache }) => cache.inspect(key).state === 'value');
  });
  pods.at(-1)?.cache.localPut(key, { n: -1 });
}

async function untilEmpty(pods: readonly Pod[], key: string, invalidate: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await invalidate();
  await eventually(
    'no pod holds the key',
    () => pods.every(({ cache }) => cache.inspect(key).state === 'none'),
    20_000,
  );
  return performance.now() - startedAt;
}
