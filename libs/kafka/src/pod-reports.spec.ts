import { describe, expect, it } from '@jest/globals';
import { encodePodReport } from '@tidemark/protocol';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import { PodReports } from './pod-reports.js';

const record = (pod: string, at: number, leaving = false) => ({
  value: Buffer.from(encodePodReport({ pod, service: 'orders', tables: {}, leaving })),
  at,
});

function listed(reports: PodReports): Record<string, number> {
  return Object.fromEntries(reports.snapshot().pods.map(({ report, at }) => [report.pod, at]));
}

describe('PodReports', () => {
  it('keeps the last report of each pod, and none of those that leave', () => {
    const reports = new PodReports();
    for (const one of [record('a', 1), record('b', 2), record('a', 3), record('b', 4, true)]) reports.apply(one);
    expect([listed(reports), reports.snapshot().now]).toEqual([{ a: 3 }, 4]);
  });

  it('keeps a pod that was killed until the log has gone on for ten minutes', () => {
    const reports = new PodReports();
    reports.apply(record('killed', 1_000));
    reports.apply(record('alive', 601_000));
    expect(listed(reports)).toEqual({ killed: 1_000, alive: 601_000 });
    reports.apply(record('alive', 601_001));
    expect(listed(reports)).toEqual({ alive: 601_001 });
  });

  it('never goes back in time, though a new leader does', () => {
    const reports = new PodReports();
    for (const one of [record('a', 5_000), record('b', 4_000)]) reports.apply(one);
    expect([listed(reports), reports.snapshot().now]).toEqual([{ a: 5_000, b: 5_000 }, 5_000]);
  });

  it('says what it cannot read, and holds on to what it knew of that pod', () => {
    const reports = new PodReports();
    reports.apply(record('a', 1));
    for (const value of [null, Buffer.from('{'), Buffer.from('{"v":"9.0","pod":"a"}')])
      expect(reports.apply({ value, at: 2 })).toEqual(expect.any(String));
    expect([listed(reports), reports.snapshot().now]).toEqual([{ a: 1 }, 2]);
  });

  it('hazard 52: does not say who is live while a pod may be known only by records that were lost', () => {
    const reports = new PodReports();
    reports.apply(record('a', 1_000));
    reports.gap('expected offset 7, got 9');
    reports.apply(record('a', 10_999));
    expect(() => reports.snapshot()).toThrow(/not known yet: expected offset 7/);
    reports.apply(record('a', 11_000));
    expect(listed(reports)).toEqual({ a: 11_000 });
  });

  it('is bounded, and never lets a pod that it has no room for pass as gone', () => {
    const reports = new PodReports(2);
    for (const pod of ['a', 'b', 'c']) reports.apply(record(pod, 1));
    expect(() => reports.snapshot()).toThrow(/more than 2 pods/);
    reports.apply(record('d', 600_002));
    expect(listed(reports)).toEqual({ d: 600_002 });
  });

  it('hazard 64: of any log, lists every pod that has reported within ten minutes and not left, and no pod that has', () => {
    const step = fc.record({
      pod: fc.constantFrom('a', 'b', 'c'),
      leaving: fc.boolean(),
      afterMs: fc.oneof(fc.integer({ min: -5_000, max: 5_000 }), fc.integer({ min: 0, max: 700_000 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const reports = new PodReports();
        const expected = new Map<string, number>();
        let [written, now] = [1_000_000, 0];
        for (const { pod, leaving, afterMs } of steps) {
          written += afterMs;
          now = Math.max(now, written);
          reports.apply(record(pod, written, leaving));
          expected.set(pod, leaving ? -Infinity : now);
        }
        const live = [...expected].filter(([, at]) => at >= now - 600_000);
        expect(listed(reports)).toEqual(Object.fromEntries(live));
      }),
      runs(10),
    );
  });
});
