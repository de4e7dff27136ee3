import { type PodReport } from '@tidemark/protocol';
import { MetricRegistry, TidemarkError } from '@tidemark/runtime';
import { ManualClock, recordingLogger, settle } from '@tidemark/runtime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { PodReporter } from './pod-reporter.js';

let clock: ManualClock;
let logger: ReturnType<typeof recordingLogger>;
let reports: { readonly report: PodReport; readonly atMs: number }[];
let failing: boolean;
let answer: Promise<void>;
let registrations: number;
let reporter: PodReporter;

beforeEach(() => {
  clock = new ManualClock();
  logger = recordingLogger();
  reports = [];
  failing = false;
  answer = Promise.resolve();
  registrations = 0;
  reporter = new PodReporter({
    ...{ clock, logger, metrics: new MetricRegistry(), pod: 'p', service: 's' },
    registry: {
      report: async (report) => {
        reports.push({ report, atMs: clock.monotonicMs() });
        await answer;
        if (failing) throw new TidemarkError('PUBLISH_FAILED', 'down', { retriable: true });
      },
      read: async () => ({ now: 0, pods: [] }),
    },
    tables: () => ({ things: { topics: ['t'], progress: [reports.length] } }),
    onRegistered: () => (registrations += 1),
  });
});

const times = (): number[] => reports.map(({ atMs }) => atMs);

describe('a pod’s reports', () => {
  it('come at once and then every 2 s, and the first registers it (hazard 64)', async () => {
    reporter.start();
    await clock.advance(5_000);
    expect([times(), registrations, reporter.registered]).toEqual([[0, 2_000, 4_000], 1, true]);
    expect(reports[1]?.report).toEqual({
      ...{ pod: 'p', service: 's', leaving: false },
      tables: { things: { topics: ['t'], progress: [1] } },
    });
  });

  it('that are asked for come within 20 ms, many in one', async () => {
    reporter.start();
    await clock.advance(100);
    reporter.ask();
    await clock.advance(10);
    reporter.ask();
    await clock.advance(500);
    expect(times()).toEqual([0, 120]);
    await clock.advance(2_000);
    expect(times()).toEqual([0, 120, 2_120]);
  });

  it('are under way one at a time; what is asked for meanwhile follows', async () => {
    let release: () => void = () => undefined;
    answer = new Promise((resolve) => (release = resolve));
    reporter.start();
    await clock.advance(0);
    reporter.ask();
    await clock.advance(50);
    expect(times()).toEqual([0]);
    release();
    await settle();
    await clock.advance(20);
    expect(times()).toHaveLength(2);
  });

  it('that are not taken do not register it, are tried again, and warn once in a while', async () => {
    failing = true;
    reporter.start();
    await clock.advance(40_000);
    expect([registrations, reports.length]).toEqual([0, 21]);
    expect(logger.lines.map(({ fields }) => fields['repeated'])).toEqual([undefined, 14]);
    failing = false;
    await clock.advance(2_000);
    expect(registrations).toBe(1);
  });

  it('end with its leave, which holds nothing up for long', async () => {
    reporter.start();
    await clock.advance(0);
    failing = true;
    await reporter.stop(1_000);
    await clock.advance(10_000);
    expect(reports.map(({ report }) => report.leaving)).toEqual([false, true]);
    expect(clock.pending).toBe(0);
  });

  it('end with its leave also when the first is still under way: it may have been taken', async () => {
    let release: () => void = () => undefined;
    answer = new Promise((resolve) => (release = resolve));
    reporter.start();
    await clock.advance(0);
    const stopped = reporter.stop(1_000);
    release();
    await stopped;
    await clock.advance(10_000);
    expect(reports.map(({ report }) => report.leaving)).toEqual([false, true]);
    expect([registrations, clock.pending]).toEqual([0, 0]);
  });

  it('of a pod that nobody knows take no leave', async () => {
    await reporter.stop(1_000);
    expect(reports).toEqual([]);
  });
});
