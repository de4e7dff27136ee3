import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { RetryBudget } from './retry-budget.js';

describe('the retry budget', () => {
  it('never grants more than its share of the reads, and what it began with', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 500 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (steps, share) => {
          const budget = new RetryBudget(share, 5);
          let reads = 0;
          let granted = 0;
          for (const isRead of steps) {
            if (isRead) {
              reads += 1;
              budget.earn();
            } else if (budget.take()) granted += 1;
          }
          const asked = steps.length - reads;
          return granted <= reads * share + 5 + 1e-6 && granted + budget.refused === asked;
        },
      ),
    );
  });
});
