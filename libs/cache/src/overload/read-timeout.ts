/** Reads in the window below which the configured time-out holds: a pod that has just started knows nothing yet. */
export const samplesMin = 100;
/** The quantile that the time-out is a multiple of. */
export const timeoutQuantile = 0.99;

const multiple = 4;
/** A new connection with its TLS handshake, and credentials that are fetched again, fit within; ms. */
const floorMs = 500;

/** How long to wait for a read: four times the 99th percentile of what was observed, at least 500 ms, never above what is configured; ms. */
export function readTimeoutMs(observedMs: number | undefined, configuredMs: number): number {
  if (observedMs === undefined) return configuredMs;
  return Math.min(configuredMs, Math.max(floorMs, observedMs * multiple));
}
