import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import * as fc from 'fast-check';
import { ReadPace } from './read-pace.js';

const { signal } = new AbortController();
const mebibyte = 1_024 * 1_024;

interface Page {
  readonly bytes: number;
  readonly isBehind: boolean;
  /** How long the shard takes to answer, ms. */
  readonly tookMs?: number;
}

interface Sent extends Page {
  readonly atMs: number;
}

/** Reads the pages one after another; returns when each was sent. */
async function read(clock: ManualClock, pages: readonly Page[], pollIntervalMs = 200): Promise<Sent[]> {
  const pace = new ReadPace(clock, pollIntervalMs);
  const sent: Sent[] = [];
  let isDone = false;
  const done = (async () => {
    for (const page of pages) {
      await pace.turn(signal);
      sent.push({ ...page, atMs: clock.monotonicMs() });
      if (page.tookMs !== undefined) await new Promise<void>((resolve) => clock.setTimer(resolve, page.tookMs ?? 0));
      pace.spent(page.bytes);
      if (page.isBehind) pace.hurry();
    }
    isDone = true;
  })();
  for (let step = 0; step < 20_000 && !isDone; step += 1) await clock.advance(50);
  await done;
  return sent;
}

const at = (sent: readonly Sent[]): number[] => sent.map(({ atMs }) => Math.round(atMs));
const tip = { bytes: 0, isBehind: false };
const behind = { bytes: 1_000, isBehind: true };

describe('ReadPace', () => {
  it('reads at the interval at the tip', async () => {
    expect(at(await read(new ManualClock(), [tip, tip, tip], 1_000))).toEqual([0, 1_000, 2_000]);
  });

  it('reads five times a second behind the tip, whatever the interval, also at the start', async () => {
    expect(at(await read(new ManualClock(), [behind, behind, behind, behind], 1_000))).toEqual([0, 200, 400, 600]);
  });

  it('waits for the tip again after it has caught up', async () => {
    expect(at(await read(new ManualClock(), [behind, tip, tip, tip], 1_000))).toEqual([0, 200, 1_200, 2_200]);
  });

  it('pays for the bytes of a page before it reads the next', async () => {
    const large = { bytes: 10 * mebibyte, isBehind: true };
    expect(at(await read(new ManualClock(), [large, behind, behind]))).toEqual([0, 5_000, 5_200]);
  });

  it('reads an emulator, which has no limits, as often as it is told', async () => {
    expect(at(await read(new ManualClock(), [behind, behind, tip, tip], 20))).toEqual([0, 20, 40, 60]);
  });

  it('does not wait when the caller gave up', async () => {
    const clock = new ManualClock();
    const pace = new ReadPace(clock, 200);
    await pace.turn(signal);
    await pace.turn(AbortSignal.abort());
    expect(clock.monotonicMs()).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('never reads more than five times in any second, nor more than 2 MiB a second but for one page', async () => {
    const page = fc.record({
      bytes: fc.oneof(fc.nat(1_000), fc.nat(3 * mebibyte), fc.nat(10 * mebibyte)),
      isBehind: fc.boolean(),
      tookMs: fc.nat(400),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(page, { minLength: 2, maxLength: 40 }), async (pages) => {
        const sent = await read(new ManualClock(), pages);
        for (const [index, { atMs }] of sent.entries()) {
          const sixth = sent[index + 5];
          if (sixth !== undefined) expect(sixth.atMs - atMs).toBeGreaterThanOrEqual(1_000 - 1e-6);
          const window = sent.filter((each) => each.atMs >= atMs && each.atMs < atMs + 5_000);
          const bytes = window.slice(0, -1).reduce((sum, each) => sum + each.bytes, 0);
          expect(bytes).toBeLessThanOrEqual(10 * mebibyte + 1);
        }
      }),
      { numRuns: 200 },
    );
  });
});

/** A shard that refuses the sixth read within a second, as AWS does. */
class LimitedShard {
  #taken: number[] = [];

  take(nowMs: number): boolean {
    this.#taken = this.#taken.filter((each) => nowMs - each < 1_000);
    if (this.#taken.length >= 5) return false;
    this.#taken.push(nowMs);
    return true;
  }
}

describe('readers that share a shard', () => {
  it.each([2, 3])('%s of them settle below its limit, and all of them go on', async (count) => {
    const clock = new ManualClock();
    const shard = new LimitedShard();
    const stop = new AbortController();
    const settledMs = 30_000;
    const readers = Array.from({ length: count }, () => ({ taken: 0, refused: 0 }));
    const running = readers.map(async (reader, index) => {
      const pace = new ReadPace(clock, 200);
      await new Promise<void>((resolve) => clock.setTimer(resolve, index * 37));
      while (!stop.signal.aborted) {
        await pace.turn(stop.signal);
        if (stop.signal.aborted) return;
        const isCounted = clock.monotonicMs() > settledMs;
        if (shard.take(clock.monotonicMs())) {
          if (isCounted) reader.taken += 1;
        } else {
          pace.refused();
          if (isCounted) reader.refused += 1;
        }
      }
    });
    for (let step = 0; step < 3_300; step += 1) await clock.advance(100);
    stop.abort();
    await Promise.all(running);
    const taken = readers.reduce((sum, each) => sum + each.taken, 0);
    const refused = readers.reduce((sum, each) => sum + each.refused, 0);
    expect(refused / (taken + refused)).toBeLessThan(0.02);
    expect(taken / 300).toBeGreaterThan(3);
    for (const each of readers) expect(each.taken / taken).toBeGreaterThan(0.3 / count);
  });

  it('are as quick as before a while after the others have gone', async () => {
    const clock = new ManualClock();
    const pace = new ReadPace(clock, 200);
    for (let index = 0; index < 5; index += 1) {
      await clock.advance(2_000);
      pace.refused();
    }
    await clock.advance(400_000);
    await pace.turn(signal);
    const before = clock.monotonicMs();
    const next = pace.turn(signal);
    await clock.advance(200);
    await next;
    expect(clock.monotonicMs() - before).toBe(200);
  });
});
