import { describe, expect, it } from '@jest/globals';
import { silentLogger, TidemarkError } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { FakePodRegistry } from '../testing/fake-pod-registry.js';
import { LivePods, livePodsOf } from './live-pods.js';

const table = 'things';
const tables = { [table]: { topics: [null], progress: [-1] } };
const unreachable = new TidemarkError('FEED_UNAVAILABLE', 'no', { retriable: true });

interface Setting {
  readonly clock: ManualClock;
  readonly registry: FakePodRegistry;
  readonly livePods: LivePods;
  readonly report: (pod: string, leaving?: boolean) => Promise<void>;
}

function setting(): Setting {
  const clock = new ManualClock();
  const registry = new FakePodRegistry(clock);
  const livePods = new LivePods({ registry, clock, logger: silentLogger, pod: 'self', assumed: 10 });
  const report = (pod: string, leaving = false): Promise<void> =>
    registry.report({ pod, service: 'test', tables: leaving ? {} : tables, leaving });
  return { clock, registry, livePods, report };
}

describe('the number of live pods', () => {
  it('is what is assumed until the pods topic has told, then what it tells', async () => {
    const { livePods, report } = setting();
    for (const pod of ['a', 'b', 'self']) await report(pod);
    expect(livePods.countOf(table, false)).toBe(10);
    await settle();
    expect(livePods.countOf(table, false)).toBe(3);
    expect(livePods.countOf('another', false)).toBe(1);
  });

  it('is looked at again each 10 s while it matters, each minute otherwise, and never while nobody asks', async () => {
    const { clock, registry, livePods, report } = setting();
    await report('a');
    for (const atMs of [0, 5_000, 9_999, 10_000, 70_000]) {
      await clock.advance(atMs - clock.monotonicMs());
      livePods.countOf(table, atMs <= 10_000);
      await settle();
    }
    expect(registry.reads).toBe(3);
    await clock.advance(600_000);
    expect([registry.reads, clock.pending]).toEqual([3, 0]);
  });

  it('stays while the pods topic does not answer, and in the end is what is assumed, or more if it was', async () => {
    const { clock, registry, livePods, report } = setting();
    for (let n = 0; n < 12; n += 1) await report(`pod-${n}`);
    livePods.countOf(table, true);
    await settle();
    for (let n = 0; n < 20; n += 1) registry.failNext('read', unreachable);
    await clock.advance(180_000);
    livePods.countOf(table, true);
    await settle();
    expect(livePods.countOf(table, true)).toBe(13);
    await clock.advance(1);
    expect(livePods.countOf(table, true)).toBe(13);
    const alone = new LivePods({ registry: undefined, clock, logger: silentLogger, pod: 'self', assumed: 7 });
    expect(alone.countOf(table, true)).toBe(7);
  });

  it('is what is assumed, or more, where this pod cannot tell of itself: others may not be able to, either', async () => {
    const { clock, livePods, report } = setting();
    livePods.countOf(table, true);
    await settle();
    expect(livePods.countOf(table, true)).toBe(10);
    for (let n = 0; n < 12; n += 1) await report(`pod-${n}`);
    await clock.advance(10_000);
    livePods.countOf(table, false);
    await settle();
    expect(livePods.countOf(table, false)).toBe(13);
    for (const pod of ['a', 'self']) await report(pod);
    await clock.advance(10_000);
    livePods.countOf(table, false);
    await settle();
    expect(livePods.countOf(table, false)).toBe(14);
  });

  it('counts this pod before the others know of it, and nobody who has left or been silent', () => {
    const report = (pod: string): { pod: string; service: string; tables: typeof tables; leaving: boolean } => ({
      ...{ pod, service: 'test', tables, leaving: false },
    });
    const pods = [
      { report: report('lately'), at: 90_001 },
      { report: report('silent'), at: 89_999 },
    ];
    expect(livePodsOf({ now: 100_000, pods }, 'self')).toEqual(new Map([[table, 2]]));
  });

  it('is not looked at once it is closed', async () => {
    const { registry, livePods } = setting();
    livePods.close();
    livePods.countOf(table, true);
    await settle();
    expect(registry.reads).toBe(0);
  });
});
