import { describe, expect, it } from '@jest/globals';
import { openLoop } from './open-loop.js';

describe('openLoop', () => {
  it('begins every operation however late the others are, and counts one that fails as a whole time-out', async () => {
    const latencies = new Map<number, number>();
    let underWayTop = 0;
    let underWay = 0;
    let free: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (free = resolve));
    await openLoop({
      ...{ rate: 1_000, seconds: 0.05, failedMs: 60_000 },
      operation: async (n) => {
        underWay += 1;
        underWayTop = Math.max(underWayTop, underWay);
        if (n === 49) free();
        await held;
        if (n === 7) throw new Error('failed');
      },
      onDone: (n, latencyMs) => latencies.set(n, latencyMs),
    });
    expect([latencies.size, underWayTop]).toEqual([50, 50]);
    expect(latencies.get(7)).toBe(60_000);
    // The first was due some fifty milliseconds before it was let go.
    expect(latencies.get(0)).toBeGreaterThan(latencies.get(49) ?? Infinity);
  });
});
