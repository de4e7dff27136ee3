import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryRegion } from './memory-region.js';
import { whenConverged } from './when-converged.js';

let region: MemoryRegion;
beforeEach(() => {
  region = new MemoryRegion();
});
afterEach(async () => {
  expect(await region.close()).toBe(0);
});

describe('whenConverged', () => {
  it('waits until every pod holds what L2 holds, or nothing', async () => {
    const [a, b, witness] = [await region.pod(), await region.pod(), await region.pod()];
    await a.put('k', 'one');
    await b.get('k');
    await region.soon();
    region.backend.pauseFeeds(true);
    await a.put('k', 'two');
    let done = false;
    const { clock } = region;
    const converged = whenConverged({ caches: [a, b], keys: ['k', 'none'], witness, clock }).then(() => (done = true));
    await clock.advance(500);
    expect(done).toBe(false);
    region.backend.pauseFeeds(false);
    await clock.advance(20);
    await converged;
    expect(b.getIfPresent('k')).toBe('two');
  });

  it('says at its time-out which key differs where', async () => {
    const [a, witness] = [await region.pod(), await region.pod()];
    a.localPut('k', 'mine');
    const { clock } = region;
    const converged = whenConverged({ caches: [a], keys: ['k'], witness, clock, timeoutMs: 100 });
    await expect(region.within(200, converged)).rejects.toThrow('not converged after 100 ms: k in cache 0');
  });
});
