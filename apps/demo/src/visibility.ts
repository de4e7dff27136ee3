import { PodClient } from './pod-client.js';
import { type World } from './world.js';

export interface Quantiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
}

export interface Visibility {
  /** From the call of put to the moment when the last other pod of the region holds the value in L1. */
  readonly sameRegion: Quantiles;
  /** The same, for every pod of the other regions. */
  readonly otherRegion: Quantiles;
}

/** Puts `count` times into a key that every pod holds, and notes when each pod has the new value without reading. */
export async function measureVisibility(world: World, count: number): Promise<Visibility> {
  const [home, ...others] = world.regions;
  if (home === undefined) throw new Error('a world without regions');
  const [writer, ...near] = home.pods.map((url) => new PodClient(url));
  const far = others.flatMap((region) => region.pods.map((url) => new PodClient(url)));
  if (writer === undefined) throw new Error('a region without pods');
  const same: number[] = [];
  const other: number[] = [];
  const key = 'visibility';
  await writer.put(key, ['0']);
  await world.quiesce(20_000);
  for (let i = 1; i <= count; i += 1) {
    await Promise.all([...near, ...far].map((pod) => pod.get(key)));
    const startedAt = performance.timeOrigin + performance.now();
    const { writeId } = await writer.put(key, [String(i)]);
    if (writeId === undefined) throw new Error('the put was superseded, and nobody else writes this key');
    const seenBy = (pods: readonly PodClient[]): Promise<(number | null)[]> =>
      Promise.all(pods.map((pod) => pod.until(key, writeId, 5_000)));
    const [nearAt, farAt] = await Promise.all([seenBy(near), seenBy(far)]);
    note(same, startedAt, nearAt);
    note(other, startedAt, farAt);
  }
  return { sameRegion: quantiles(same), otherRegion: quantiles(other) };
}

function note(times: number[], startedAt: number, seenAt: readonly (number | null)[]): void {
  const last = seenAt.reduce<number | null>(
    (latest, at) => (latest === null || at === null ? null : Math.max(latest, at)),
    0,
  );
  if (last === null) throw new Error('a pod did not hold a put within 5 s');
  times.push(last - startedAt);
}

function quantiles(times: readonly number[]): Quantiles {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0) * 10) / 10;
  return { p50Ms: at(0.5), p99Ms: at(0.99), count: sorted.length };
}
