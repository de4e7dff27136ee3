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
    partOf?: object,
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
  const ask: Setting['ask'] = async (keys, availability = critical, timeoutMs = 1_000, partOf = undefined) => {
    try {
      const read = { keys, availability, partOf };
      if (!budget.tryTake(read)) await budget.wait(read, { timeoutMs });
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

  describe('a large call that is cut up', () => {
    /** Everybody who comes later is asked for a key each, in whole calls. */
    const orderOf = (sent: Setting['sent']): string => sent.map(({ keys }) => (keys === 10 ? 'P' : '.')).join('');

    it('holds up nobody who comes after it, and gets on meanwhile', async () => {
      const { clock, sent, ask } = budgetOf(100);
      const call = {};
      const parts = Array.from({ length: 9 }, () => ask(10, critical, 10_000, call));
      const singles = Array.from({ length: 20 }, () => ask(1));
      await clock.advance(1_500);
      expect(await Promise.all([...parts, ...singles])).toEqual(Array.from({ length: 29 }, () => 'sent'));
      // Two parts go at once, out of what was saved up; from then on as many keys of whole calls as of parts.
      expect(orderOf(sent)).toBe(`PP.P${'.'.repeat(10)}P${'.'.repeat(9)}PPPPP`);
    });

    it('shares its half with other large calls, part by part', async () => {
      const { clock, sent, ask } = budgetOf(100);
      const [one, other] = [{}, {}];
      const long = Array.from({ length: 12 }, () => ask(10, critical, 10_000, one));
      const short = Array.from({ length: 2 }, () => ask(5, critical, 10_000, other));
      await clock.advance(2_000);
      await Promise.all([...long, ...short]);
      expect(sent.map(({ keys }) => keys).slice(2, 7)).toEqual([10, 5, 10, 5, 10]);
    });

    it('is not starved by small ones, each of which comes alone', async () => {
      const { clock, sent, ask } = budgetOf(100);
      const call = {};
      const parts = Array.from({ length: 6 }, () => ask(10, critical, 10_000, call));
      const singles: Promise<unknown>[] = [];
      for (let ms = 0; ms < 1_000; ms += 10) {
        singles.push(ask(1));
        await clock.advance(10);
      }
      expect(sent.filter(({ keys }) => keys === 10).length).toBe(6);
      await clock.advance(1_000);
      expect(new Set(await Promise.all([...parts, ...singles]))).toEqual(new Set(['sent']));
    });

    it('of which a part is refused or ends leaves nothing behind', async () => {
      const { clock, budget, ask } = budgetOf(100);
      const call = {};
      const asked = Array.from({ length: 12 }, () => ask(10, critical, 1_000, call));
      await settle();
      expect(budget.queuedKeys).toBeLessThanOrEqual(100);
      await clock.advance(2_000);
      const codes = await Promise.all(asked);
      expect(codes.filter((code) => code === 'OVERLOADED').length).toBeGreaterThan(0);
      expect([budget.queuedKeys, clock.pending]).toEqual([0, 0]);
      expect(await ask(1)).toBe('sent');
    });

    it('does not make a small call seem to come too late', async () => {
      const { clock, ask } = budgetOf(100);
      const call = {};
      const parts = Array.from({ length: 50 }, () => ask(10, critical, 100_000, call));
      expect(await Promise.race([ask(5), clock.advance(600)])).toBe('sent');
      await clock.advance(10_000);
      await Promise.all(parts);
    });
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
