import { describe, expect, it } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';

import { DispatchHistory, step, targets } from '../test/dispatch-history.js';
import { faultsOf } from '../test/target-order.js';

describe('the order of what a target gets, whatever happens to the dispatchers', () => {
  it('hazards 30, 41, 47, 54: first copies come in order and none is left out; everything else is a repetition', async () => {
    const length = runs(20);
    let repetitions = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const history = new DispatchHistory();
        await history.run(steps);
        const logged = targets.flatMap((target) =>
          history.bench.sink.log(target, 0).filter(({ src }) => src !== undefined),
        );
        repetitions += Math.max(0, logged.length - history.tableTopic.length);
        expect(targets.flatMap((target) => faultsOf(history, target))).toEqual([]);
      }),
      length,
    );
    expect(repetitions).toBeGreaterThan(length.numRuns);
  }, 600_000);
});
