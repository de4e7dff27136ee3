/**
 * How a property is run by fast-check: `TIDEMARK_TEST_RUNS` times (default 10,000) divided by `cost`, what one run costs more than a cheap
 * one; from the seed `TIDEMARK_TEST_SEED` where one is given.
 */
export function runs(cost = 1): { readonly numRuns: number; readonly seed?: number } {
  const { TIDEMARK_TEST_RUNS: total = '10000', TIDEMARK_TEST_SEED: seed = '' } = process.env;
  const numRuns = Math.max(1, Math.round(Number(total) / cost));
  return seed === '' ? { numRuns } : { numRuns, seed: Number(seed) };
}
