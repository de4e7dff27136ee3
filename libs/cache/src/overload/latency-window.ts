import { SlidingSlots } from './sliding-slots.js';

/** Each bucket is this much wider than the one before, so a quantile is at most so far above what was observed. */
const growth = 1.15;
/** Up to about ten minutes. */
const buckets = 96;

/** Quantiles of the latencies of a sliding window: counts in buckets that grow by 15 %, so that memory does not depend on the load. */
export class LatencyWindow {
  readonly #slots: SlidingSlots<Uint32Array>;

  /** `windowMs`: default 30,000, in ten steps. */
  constructor(windowMs = 30_000) {
    this.#slots = new SlidingSlots<Uint32Array>({
      ...{ windowMs, slots: 10 },
      make: () => new Uint32Array(buckets),
      clear: (slot) => slot.fill(0),
    });
  }

  record(nowMs: number, latencyMs: number): void {
    const slot = this.#slots.current(nowMs);
    const bucket = bucketOf(latencyMs);
    slot[bucket] = (slot[bucket] ?? 0) + 1;
  }

  count(nowMs: number): number {
    return this.#totals(nowMs).reduce((sum, each) => sum + each, 0);
  }

  /** A bound that a share `q` of the latencies did not pass, ms; `undefined` below `samplesMin` of them. */
  quantile(nowMs: number, q: number, samplesMin = 1): number | undefined {
    const totals = this.#totals(nowMs);
    const count = totals.reduce((sum, each) => sum + each, 0);
    if (count < Math.max(1, samplesMin)) return undefined;
    let left = Math.ceil(count * q);
    for (const [bucket, each] of totals.entries()) {
      left -= each;
      if (left <= 0) return boundOf(bucket);
    }
    return boundOf(buckets - 1);
  }

  #totals(nowMs: number): Float64Array {
    const totals = new Float64Array(buckets);
    for (const slot of this.#slots.all(nowMs)) {
      for (const [bucket, each] of slot.entries()) totals[bucket] = (totals[bucket] ?? 0) + each;
    }
    return totals;
  }
}

function bucketOf(latencyMs: number): number {
  if (latencyMs <= 1) return 0;
  return Math.min(buckets - 1, Math.ceil(Math.log(latencyMs) / Math.log(growth) - 1e-9));
}

function boundOf(bucket: number): number {
  return growth ** bucket;
}
