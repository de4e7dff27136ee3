import { describe, expect, it } from '@jest/globals';
import { settle } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { PageBudget, type PageGrant } from './page-budget.js';

const { signal } = new AbortController();

describe('PageBudget', () => {
  it('admits what fits, and the rest as soon as there is room', async () => {
    const budget = new PageBudget(10);
    const first = await budget.take(6, signal);
    let second: PageGrant | undefined;
    void budget.take(6, signal).then((grant) => (second = grant));
    await settle();
    expect(second).toBeUndefined();
    first.resize(4);
    await settle();
    expect(second).toBeDefined();
    expect(budget.used).toBe(10);
    first.release();
    first.release();
    expect(budget.used).toBe(6);
  });

  it('lets no small page pass a large one that waits', async () => {
    const budget = new PageBudget(10);
    const first = await budget.take(6, signal);
    const order: string[] = [];
    const large = budget.take(8, signal).then((grant) => (order.push('large'), grant));
    const small = budget.take(1, signal).then((grant) => (order.push('small'), grant));
    await settle();
    expect(order).toEqual([]);
    first.release();
    await Promise.all([large, small]);
    expect(order).toEqual(['large', 'small']);
  });

  it('admits a page that is larger than the budget when nothing else is in hand', async () => {
    const budget = new PageBudget(10);
    const small = await budget.take(1, signal);
    let large: PageGrant | undefined;
    void budget.take(50, signal).then((grant) => (large = grant));
    await settle();
    expect(large).toBeUndefined();
    small.release();
    await settle();
    large?.resize(50);
    let next: PageGrant | undefined;
    void budget.take(1, signal).then((grant) => (next = grant));
    await settle();
    expect(next).toBeUndefined();
    large?.release();
    await settle();
    expect(next).toBeDefined();
  });

  it('forgets whoever gives up, and lets those behind go on', async () => {
    const budget = new PageBudget(10);
    await budget.take(6, signal);
    const aborter = new AbortController();
    const impatient = budget.take(8, aborter.signal);
    const behind = budget.take(4, signal);
    aborter.abort();
    await expect(impatient).rejects.toMatchObject({ code: 'ABORTED' });
    await behind;
    await expect(budget.take(1, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    expect(budget.used).toBe(10);
  });

  it('never has more in hand than its limit, starves nobody, and loses no room', async () => {
    const page = fc.record({
      asked: fc.integer({ min: 1, max: 120 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      isGivenUp: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(page, { maxLength: 40 }), async (pages) => {
        const budget = new PageBudget(100);
        const admitted: PageGrant[] = [];
        const outcomes = pages.map(async ({ asked, share, isGivenUp }) => {
          const aborter = new AbortController();
          const taking = budget.take(asked, aborter.signal);
          if (isGivenUp) aborter.abort();
          const grant = await taking.catch(() => undefined);
          expect(budget.used).toBeLessThanOrEqual(100);
          if (grant === undefined) return;
          grant.resize(Math.floor(share * Math.min(asked, 100)));
          admitted.push(grant);
        });
        for (let round = 0; round < 100; round += 1) {
          await settle();
          expect(budget.used).toBeLessThanOrEqual(100);
          admitted.shift()?.release();
        }
        await Promise.all(outcomes);
        while (admitted.length > 0) admitted.shift()?.release();
        expect(budget.used).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
