import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { Reconciler } from './reconciler.js';

function reconcilerOf(step: () => Promise<boolean>): { clock: ManualClock; reconciler: Reconciler; errors: unknown[] } {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const options = { initialMs: 100, maxMs: 400, random: () => 1, onError: (error: unknown) => errors.push(error) };
  return { clock, errors, reconciler: new Reconciler({ clock, step, ...options }) };
}

describe('Reconciler', () => {
  it('repeats a step with growing delays until it holds', async () => {
    const at: number[] = [];
    const { clock, reconciler, errors } = reconcilerOf(async () => {
      at.push(clock.monotonicMs());
      if (at.length === 2) throw new Error('no');
      return at.length === 5;
    });
    reconciler.poke();
    await clock.advance(5_000);
    expect(at).toEqual([0, 100, 300, 700, 1_100]);
    expect(errors).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('runs again when poked in the middle of a step, never twice at once', async () => {
    let running = 0;
    let runs = 0;
    let release: () => void = () => undefined;
    const { reconciler } = reconcilerOf(async () => {
      expect((running += 1)).toBe(1);
      await new Promise<void>((resolve) => (release = resolve));
      running -= 1;
      runs += 1;
      return true;
    });
    reconciler.poke();
    await settle();
    reconciler.poke();
    reconciler.poke();
    release();
    await settle();
    release();
    await settle();
    expect(runs).toBe(2);
  });

  it('cuts a delay short when poked', async () => {
    let runs = 0;
    const { clock, reconciler } = reconcilerOf(async () => (runs += 1) > 1);
    reconciler.poke();
    await settle();
    reconciler.poke();
    await settle();
    expect(runs).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it('cuts no delay short when needed, and has one delay between two steps that begin each other', async () => {
    const at: number[] = [];
    const { clock, reconciler } = reconcilerOf(async () => {
      at.push(clock.monotonicMs());
      void settle().then(() => reconciler.need());
      return false;
    });
    reconciler.need();
    await clock.advance(1_200);
    reconciler.need();
    await settle();
    expect(at).toEqual([0, 100, 300, 700, 1_100]);
  });

  it('runs at once when needed after a step that held, again after one in which it was needed', async () => {
    let runs = 0;
    let release: () => void = () => undefined;
    const { clock, reconciler } = reconcilerOf(async () => {
      await new Promise<void>((resolve) => (release = resolve));
      runs += 1;
      return true;
    });
    reconciler.need();
    await settle();
    reconciler.need();
    release();
    await settle();
    release();
    await settle();
    expect([runs, clock.pending]).toEqual([2, 0]);
  });

  it('waits after a failure that was told, longer after each of a row, and forgives after a while', async () => {
    const at: number[] = [];
    const { clock, reconciler } = reconcilerOf(async () => {
      at.push(clock.monotonicMs());
      return true;
    });
    reconciler.fail();
    await clock.advance(1_000);
    reconciler.fail();
    await clock.advance(19_000);
    reconciler.fail();
    await clock.advance(1_000);
    expect(at).toEqual([100, 1_200, 20_100]);
  });

  it('ends its step before close() resolves, and runs none after it', async () => {
    let runs = 0;
    let release: () => void = () => undefined;
    const { clock, reconciler } = reconcilerOf(async () => {
      await new Promise<void>((resolve) => (release = resolve));
      runs += 1;
      return false;
    });
    reconciler.poke();
    await settle();
    let closed = false;
    void reconciler.close().then(() => (closed = true));
    await settle();
    expect(closed).toBe(false);
    release();
    await settle();
    expect(closed).toBe(true);
    reconciler.poke();
    await clock.advance(5_000);
    expect(runs).toBe(1);
  });
});
