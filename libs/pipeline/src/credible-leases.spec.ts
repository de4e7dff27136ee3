import { describe, expect, it } from '@jest/globals';
import { CredibleLeases } from './credible-leases.js';
import { newLease } from './lease-row.js';
import { type Checkpoint } from './ports.js';

const rowOf = (readUpTo: number | null, checkpoint: Checkpoint = '7') => ({
  ...newLease({ shardId: 's', parents: [], startHash: '0', endHash: '9' }, 'stream'),
  ...{ owner: 'w', readUpTo, checkpoint },
});

function leases() {
  const told: string[] = [];
  const credible = new CredibleLeases({
    failed: (_what, error) => void told.push(error instanceof Error ? error.message : String(error)),
    succeeded: () => void told.push('right again'),
  });
  return { credible, told };
}

describe('hazard 68: CredibleLeases', () => {
  it('remembers a claim of the future for as long as the row says it', () => {
    const { credible, told } = leases();
    credible.note([rowOf(360_000)], 0);
    credible.note([rowOf(360_000)], 360_000);
    expect(credible.of(rowOf(360_000), 400_000).readUpTo).toBeNull();
    expect(credible.of(rowOf(360_001), 400_000).readUpTo).toBe(360_001);
    credible.note([rowOf(390_000)], 400_000);
    expect(credible.of(rowOf(360_000), 400_000).readUpTo).toBe(360_000);
    expect([told.length, told[0], told[2]]).toEqual([3, expect.stringMatching(/360000 ms ahead/), 'right again']);
  });

  it('believes what is within what clocks may differ by, and nothing of a row that claims nothing', () => {
    const { credible, told } = leases();
    credible.note([rowOf(5_000), rowOf(null)], 0);
    expect([credible.of(rowOf(5_000), 0).readUpTo, credible.of(rowOf(5_001), 0).readUpTo, told]).toEqual([
      5_000,
      null,
      [],
    ]);
  });

  it('tells it of open shards alone', () => {
    const { credible, told } = leases();
    credible.note([rowOf(360_000)], 0);
    credible.note([rowOf(360_000, 'SHARD_END')], 1_000);
    credible.note([rowOf(360_000, 'SHARD_END')], 2_000);
    expect(told.slice(1)).toEqual(['right again']);
    expect(credible.of(rowOf(360_000), 400_000).readUpTo).toBeNull();
  });
});
