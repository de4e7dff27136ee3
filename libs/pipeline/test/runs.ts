/** Runs of each property; `TIDEMARK_TEST_RUNS` for a long run. */
export const runs = Number(process.env['TIDEMARK_TEST_RUNS'] ?? 10_000);

/** Runs of a property each of whose runs costs as much as `cost` of the cheap ones. */
export const runsAt = (cost: number): number => Math.max(1, Math.round(runs / cost));
