export interface BackoffOptions {
  /** Delay before the second attempt, ms. */
  readonly initialMs: number;
  /** No delay is longer, ms. */
  readonly maxMs: number;
  /** Uniform in [0, 1); injected so that tests can fix it. */
  readonly random: () => number;
}

/** The delay before attempt `attempt` (1 = the first retry), ms: doubles up to `maxMs`, then a uniform share of it in [1/2, 1]. */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const full = Math.min(options.maxMs, options.initialMs * 2 ** Math.min(30, Math.max(0, attempt - 1)));
  return full * (0.5 + options.random() / 2);
}
