import { describe, expect, it } from '@jest/globals';
import { type StoreCall } from '@tidemark/cache';
import { TidemarkError } from '@tidemark/runtime';
import { ManualClock } from '@tidemark/runtime/testing';
import { resolveOptions } from './options.js';
import { ReadRetry } from './read-retry.js';

const throttled = new TidemarkError('THROTTLED', 'slow down', { retriable: true });

const aborted = new TidemarkError('ABORTED', 'gone', { retriable: false });

interface Run {
  readonly clock: ManualClock;
  /** Time of each attempt, and what it was given. */
  readonly attempts: { readonly atMs: number; readonly timeoutMs: number }[];
  readonly outcome: Promise<unknown>;
}

function run(error: Error, call: StoreCall, random = 0): Run {
  const clock = new ManualClock();
  const options = { clock, random: () => random, readAttemptsMax: 4, backoffInitialMs: 100, backoffMaxMs: 250 };
  const attempts: Run['attempts'] = [];
  const outcome = new ReadRetry(resolveOptions(options))
    .run(call, async ({ timeoutMs, signal }) => {
      attempts.push({ atMs: clock.monotonicMs(), timeoutMs });
      throw signal?.aborted === true ? aborted : error;
    })
    .catch((thrown: unknown) => thrown);
  return { clock, attempts, outcome };
}

describe('a read that fails', () => {
  it('goes again after delays that double up to their limit, each with what is left of its time', async () => {
    const { clock, attempts, outcome } = run(throttled, { timeoutMs: 10_000 });
    await clock.advance(10_000);
    expect(await outcome).toBe(throttled);
    expect(attempts).toEqual([
      { atMs: 0, timeoutMs: 10_000 },
      { atMs: 50, timeoutMs: 9_950 },
      { atMs: 150, timeoutMs: 9_850 },
      { atMs: 275, timeoutMs: 9_725 },
    ]);
  });

  it('waits up to twice as long by chance', async () => {
    const { clock, attempts } = run(throttled, { timeoutMs: 10_000 }, 0.999_999);
    await clock.advance(99);
    expect(attempts).toHaveLength(1);
    await clock.advance(1);
    expect(attempts).toHaveLength(2);
  });

  it('fails at once when the next attempt would come too late', async () => {
    const { attempts, outcome, clock } = run(throttled, { timeoutMs: 50 });
    expect(await outcome).toBe(throttled);
    expect(attempts).toHaveLength(1);
    expect(clock.monotonicMs()).toBe(0);
  });

  it.each([
    ['is definite', new TidemarkError('ACCESS_DENIED', 'no', { retriable: false })],
    [
      'is a hot key’s throttle (hazard 39)',
      new TidemarkError('THROTTLED', 'hot', { retriable: true, context: { hotKey: true } }),
    ],
    ['is a bug', new TypeError('bug')],
  ])('does not go again when the failure %s', async (_name, error) => {
    const { attempts, outcome } = run(error, { timeoutMs: 10_000 });
    expect(await outcome).toBe(error);
    expect(attempts).toHaveLength(1);
  });

  it('goes again at once when its caller gives up, which ends it', async () => {
    const aborter = new AbortController();
    const { clock, attempts, outcome } = run(throttled, { timeoutMs: 10_000, signal: aborter.signal });
    await clock.advance(10);
    aborter.abort();
    expect(await outcome).toBe(aborted);
    expect(attempts.map(({ atMs }) => atMs)).toEqual([0, 10]);
    expect(clock.pending).toBe(0);
  });
});

describe('reads that all fail', () => {
  it('are repeated for a share of them only', async () => {
    const clock = new ManualClock();
    const retry = new ReadRetry(resolveOptions({ clock, random: () => 0, readAttemptsMax: 3, retryShareMax: 0.125 }));
    let attempts = 0;
    const refuse = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(throttled);
    };
    const reads = Array.from({ length: 200 }, () => retry.run({ timeoutMs: 10_000 }, refuse).catch(() => undefined));
    await clock.advance(10_000);
    await Promise.all(reads);
    // All earn before any repetition is asked for: what was saved up at first is all there is.
    expect(attempts).toBe(210);
    for (let n = 0; n < 200; n += 1) {
      const read = retry.run({ timeoutMs: 10_000 }, refuse).catch(() => undefined);
      await clock.advance(1_000);
      await read;
    }
    expect(attempts).toBe(210 + 225);
  });
});
