import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { LeaseModel, type Rules, shipped } from '../test/lease-model.js';
import { isEnded, laterClaim } from './watermark.js';

const numbers = fc.array(fc.nat(64 * 2 * 3 * 60), { minLength: 60, maxLength: 300 });
const closesAfter = fc.constantFrom(0, 0, 1, 3);

function play(rules: Rules, late: number, steps: readonly number[]): LeaseModel {
  const model = new LeaseModel(rules, late);
  for (const step of steps) {
    model.step(step);
    if (model.falsehoods.length > 0) break;
  }
  return model;
}

describe('the decisions about leases and watermarks, however the steps of two workers, a stream and its readers mix', () => {
  it('hazards 32, 33, 49 and 50: zombies, restarts, hand-overs, splits and merges delay the watermark and never falsify it, nor a checkpoint', () => {
    let [watermarks, afterReshard, handOvers] = [0, 0, 0];
    fc.assert(
      fc.property(closesAfter, numbers, (late, steps) => {
        const model = play(shipped, late, steps);
        watermarks += model.watermarks;
        afterReshard += model.watermarksAfterReshard;
        handOvers += model.handOvers;
        if (model.falsehoods.length > 0) throw new Error([...model.trace, ...model.falsehoods].join('\n'));
      }),
      runs(),
    );
    const { numRuns } = runs();
    expect([watermarks > numRuns / 4, afterReshard > numRuns / 40, handOvers > numRuns / 8]).toEqual([
      true,
      true,
      true,
    ]);
  });

  const unbounded: Rules = { ...shipped, bounded: false };
  /** Without the cover of the key space, and otherwise as it is. */
  const uncovered: Rules['watermarkOf'] = (rows, memory) => {
    const claims = rows
      .filter((row) => !isEnded(row))
      .map((row) => laterClaim(row.readUpTo, memory.get(row.shardId) ?? null));
    return claims.includes(null) || claims.length === 0 ? null : Math.min(...claims.map(Number));
  };
  const ignoringUnknown: Rules['watermarkOf'] = (rows, memory) => {
    const open = rows.filter((row) => !isEnded(row));
    const claims = open.flatMap((row) => laterClaim(row.readUpTo, memory.get(row.shardId) ?? null) ?? []);
    return claims.length === 0 ? null : Math.min(...claims);
  };

  it.each<[string, Rules]>([
    [
      'hazard 49: a closing page claims',
      { ...unbounded, claimOf: (page) => page.askedAt - (page.millisBehindLatest ?? 0), waitsForNext: false },
    ],
    ['hazard 49: a page is claimed before the next has come', { ...unbounded, waitsForNext: false }],
    ['hazard 49: what the stream lists does not bound the watermark', unbounded],
    ['hazard 49: rows need not cover the key space', { ...unbounded, watermarkOf: uncovered, childrenFirst: false }],
    ['hazard 32: a shard of which nothing is known is not waited for', { ...shipped, watermarkOf: ignoringUnknown }],
    [
      'hazard 32: a shard is marked as ended before its children have rows',
      { ...unbounded, childrenFirst: false, watermarkOf: uncovered },
    ],
    ['hazard 33: a checkpoint does not wait for acknowledgements', { ...shipped, acknowledgesFirst: false }],
    ['hazard 33: a hand-over does not wait for acknowledgements', { ...shipped, handsOverLast: false }],
  ])('a watermark, a checkpoint or a hand-over would be false if: %s', (_, rules) => {
    const property = fc.property(
      closesAfter,
      numbers,
      (late, steps) => play(rules, late, steps).falsehoods.length === 0,
    );
    expect(fc.check(property, { ...runs(), endOnFailure: true }).failed).toBe(true);
  });
});
