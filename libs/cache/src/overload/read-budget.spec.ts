import { describe, expect, it } from '@jest/globals';
import { isTidemarkError } from '@tidemark/runtime';
import { ManualClock, runs, settle } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { ReadBudget } from './read-budget.js';

const critical = 'critical' as const;
const bestEffort = 'best-effort' as const;

interface Setting {
  readonly clock: ManualClock;
  readonly budget: ReadBudget;
  readonly share: { keysPerSecond: number };
  /** What went out: when, and for how many keys. */
  readonly sent: { readonly atMs: number; readonly keys: number; readonly availability: string }[];
  /** Asks, and tells what became of it. */
  readonly ask: (
    keys: number,
    availability?: typeof critical | typeof bestEffort,
    timeoutMs?: number,
  ) => Promise<unknown>;
}

function budgetOf(keysPerSecond: number, queueMax = 1_000): Setting {
  const clock = new ManualClock();
  const share = { keysPerSecond };
  const budget = new ReadBudget({
    ...{ clock, table: 'things', queueMax, keysPerSecondAtFirst: keysPerSecond },
    keysPerSecond: () => share.keysPerSecond,
  });
  const sent: Setting['sent'] = [];
  const ask: Setting['ask'] = async (keys, availability = critical, timeoutMs = 1_000) => {
    try {
      if (!budget.tryTake({ keys, availability })) await budget.wait({ keys, availability }, { timeoutMs });
      sent.push({ atMs: clock.monotonicMs(), keys, availability });
      return 'sent';
    } catch (error) {
      return isTidemarkError(error) ? error.code : 'another';
    }
  };
  return { clock, budget, share, sent, ask };
}

describe('the budget of reads', () => {
  it('lets a burst go at once, and the next ones as their turns come', async () => {
    const { clock, budget, sent, ask } = budgetOf(100);
    const asked = [25, 10, 20].map((keys) => ask(keys));
    await settle();
    expect([sent.length, budget.queuedKeys]).toEqual([1, 30]);
    await clock.advance(1_000);
    expect(sent.map(({ atMs, keys }) => [atMs, keys])).toEqual([
      [0, 25],
      [100, 10],
      [300, 20],
    ]);
    expect([await Promise.all(asked), budget.queuedKeys, clock.pending]).toEqual([['sent', 'sent', 'sent'], 0, 0]);
  });

  it('refuses at once what would wait for more than three quarters of its time, so that nobody waits in vain', async () => {
    const { clock, sent, ask } = budgetOf(100);
    const asked = [25, 70, 10].map((keys) => ask(keys));
    expect(await asked[2]).toBe('OVERLOADED');
    await clock.advance(700);
    expect(sent.map(({ keys }) => keys)).toEqual([25, 70]);
  });

  it('lets critical reads go before best effort, whatever came first', async () => {
    const { clock, sent, ask } = budgetOf(100);
    void ask(25);
    const asked = [ask(10, bestEffort), ask(10, critical), ask(10, critical)];
    await clock.advance(1_000);
    expect(await Promise.all(asked)).toEqual(['sent', 'sent', 'sent']);
    expect(sent.slice(1).map(({ availability }) => availability)).toEqual([critical, critical, bestEffort]);
  });

  it('holds so many who wait, half of them best effort, each until its time-out', async () => {
    const { clock, budget, share, ask } = budgetOf(100, 4);
    void ask(25);
    const waiting = [ask(1, bestEffort), ask(1, bestEffort), ask(1, bestEffort), ...[1, 2, 3, 4, 5].map(() => ask(1))];
    await settle();
    // Nearly none, from the next look on: the first of them has come by then.
    share.keysPerSecond = 0.001;
    await clock.advance(1_000);
    const codes = await Promise.all(waiting);
    expect(codes.filter((code) => code === 'QUEUE_FULL')).toHaveLength(2);
    expect(codes.filter((code) => code === 'TIMEOUT')).toHaveLength(5);
    expect([codes[3], budget.queuedKeys]).toEqual(['sent', 0]);
  });

  it('lets the next one go when the first in the queue gives up', async () => {
    const { clock, budget, sent, ask } = budgetOf(100);
    void ask(25);
    const aborter = new AbortController();
    const turn = { timeoutMs: 1_000, signal: aborter.signal };
    const large = budget.wait({ keys: 20, availability: critical }, turn).catch(() => 'given up');
    void ask(1);
    await clock.advance(50);
    aborter.abort();
    await clock.advance(0);
    expect([await large, sent.at(-1)]).toEqual(['given up', { atMs: 50, keys: 1, availability: critical }]);
  });

  it('follows the share that it is told, and asks for requests that fit it', async () => {
    const { clock, budget, share, sent, ask } = budgetOf(1_000);
    expect(budget.requestKeysMax).toBe(100);
    share.keysPerSecond = 40;
    void ask(10);
    void ask(10);
    await clock.advance(1_000);
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 250]);
    expect([budget.keysPerSecond, budget.requestKeysMax]).toEqual([40, 10]);
    share.keysPerSecond = 0.2;
    await ask(1);
    expect(budget.requestKeysMax).toBe(1);
  });

  it('tells those who wait that it is closed, and leaves no timer', async () => {
    const { clock, budget, ask } = budgetOf(100);
    void ask(25);
    const waits = ask(10);
    await settle();
    budget.close();
    expect([await waits, await ask(1), clock.pending]).toEqual(['CLOSED', 'CLOSED', 0]);
  });

  it('never lets more go in any time than the rate, and a quarter of a second on top', async () => {
    const read = fc.record({
      waitMs: fc.nat(60),
      keys: fc.integer({ min: 1, max: 25 }),
      availability: fc.constantFrom(critical, bestEffort),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(read, { minLength: 1, maxLength: 40 }), async (reads) => {
        const { clock, budget, sent, ask } = budgetOf(100);
        const asked: Promise<unknown>[] = [];
        for (const { waitMs, keys, availability } of reads) {
          await clock.advance(waitMs);
          asked.push(ask(keys, availability));
        }
        await clock.advance(1_000);
        await Promise.all(asked);
        expect([budget.queuedKeys, clock.pending]).toEqual([0, 0]);
        for (const [from, { atMs }] of sent.entries()) {
          let keys = 0;
          for (const later of sent.slice(from)) {
            keys += later.keys;
            expect(keys).toBeLessThanOrEqual(((later.atMs - atMs) / 1_000) * 100 + 25 + 1e-6);
          }
        }
      }),
      runs(100),
    );
  });
});
