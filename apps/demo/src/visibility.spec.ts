import { afterEach, describe, expect, it } from '@jest/globals';
import { emptyWorld, FakeWorld } from '../test/fake-world.js';
import { measureVisibility } from './visibility.js';

/** Far more than a put over the loopback takes, so that what is measured is what the fake pods say, and a little. */
const unitMs = 60_000;

describe('visibility', () => {
  let fake: FakeWorld | undefined;

  afterEach(() => fake?.stop());

  /** The n-th put (from 1) is seen by a pod of the region, and by one of the other, so many units later. */
  async function world(near: (n: number) => number, far: (n: number) => number): Promise<FakeWorld> {
    fake = await FakeWorld.start(3);
    for (const [i, pod] of fake.pods.entries()) {
      const delay = i < 3 ? near : far;
      // The first pod of a region is the fastest. The first write of all is not measured.
      pod.sawAt = (askedAt, writeId) =>
        askedAt + (delay(Number(writeId.slice(1)) - 1) * unitMs) / (i % 3 === 2 ? 1 : 2);
    }
    return fake;
  }

  const units = (ms: number): number => Math.floor(ms / unitMs);

  it('is measured to the last pod of the region and of the other one, in quantiles', async () => {
    // 7 and 20 have no divisor in common: 1 to 20 in another order.
    const { world: measured } = await world(
      (n) => ((n * 7) % 20) + 1,
      (n) => 100 + n,
    );
    const { sameRegion, otherRegion } = await measureVisibility(measured, 20);
    expect({ ...sameRegion, p50Ms: units(sameRegion.p50Ms), p99Ms: units(sameRegion.p99Ms) }).toEqual({
      p50Ms: 11,
      p99Ms: 20,
      count: 20,
    });
    expect([otherRegion.p50Ms, otherRegion.p99Ms].map(units)).toEqual([111, 120]);
  });

  it('of one put is that put', async () => {
    const { world: measured } = await world(
      () => 3,
      () => 4,
    );
    const { sameRegion, otherRegion } = await measureVisibility(measured, 1);
    expect([sameRegion.p50Ms, sameRegion.p99Ms, otherRegion.p50Ms, otherRegion.p99Ms].map(units)).toEqual([3, 3, 4, 4]);
  });

  it('is measured from a world at rest, in pods that hold the key', async () => {
    const started = await world(
      () => 1,
      () => 1,
    );
    await measureVisibility(started.world, 2);
    expect(started.quiesced).toBe(1);
    expect(started.pods.map((pod) => pod.l1.get('visibility')?.value?.roles)).toEqual(started.pods.map(() => ['2']));
  });

  it('cannot be measured where one pod does not come to hold the value', async () => {
    const started = await world(
      () => 1,
      () => 1,
    );
    for (const pod of started.pods.slice(-1)) pod.sawAt = () => null;
    await expect(measureVisibility(started.world, 3)).rejects.toThrow('a pod did not hold a put within 5 s');
  });

  it('cannot be measured where somebody else writes the key', async () => {
    fake = await FakeWorld.start(1, { supersedes: true });
    await expect(measureVisibility(fake.world, 1)).rejects.toThrow('superseded');
  });

  it('cannot be measured in a world without regions or pods', async () => {
    await expect(measureVisibility(emptyWorld(), 1)).rejects.toThrow('a world without regions');
    fake = await FakeWorld.start(0);
    await expect(measureVisibility(fake.world, 1)).rejects.toThrow('a region without pods');
  });
});
