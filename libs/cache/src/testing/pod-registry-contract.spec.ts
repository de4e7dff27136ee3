import { type PodReport } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { ManualClock } from '@tidemark/runtime/testing';
import { describe, expect, it } from '@jest/globals';
import { memory } from '../memory-backend.js';
import { FakePodRegistry, podRegistryContract } from './index.js';

const report = (pod: string): PodReport => ({ pod, service: 'orders', tables: {}, leaving: false });
const call = { timeoutMs: 1_000 };

describe('the pod registry contract on the fake', () => {
  const cases = podRegistryContract(async () => {
    const registry = new FakePodRegistry();
    return { pod: () => registry, close: async () => undefined };
  });
  for (const { name, run } of cases) it(name, run);
});

describe('the pod registry contract on memory', () => {
  const cases = podRegistryContract(async () => {
    const backend = memory();
    return { pod: () => backend.open().pods, close: async () => undefined };
  });
  for (const { name, run } of cases) it(name, run);
});

describe('the pod registry of memory', () => {
  it('forgets a pod that has said nothing for ten minutes by the clock of the log', async () => {
    const clock = new ManualClock();
    const { pods } = memory({ clock }).open();
    await pods.report(report('killed'), call);
    await clock.advance(599_000);
    await pods.report(report('alive'), call);
    expect((await pods.read(call)).pods).toHaveLength(2);
    await clock.advance(2_000);
    await pods.report(report('alive'), call);
    expect((await pods.read(call)).pods.map(({ report: { pod } }) => pod)).toEqual(['alive']);
  });

  it('never goes back in time, though its clock does', async () => {
    const clock = new ManualClock();
    const { pods } = memory({ clock }).open();
    await pods.report(report('a'), call);
    clock.jump(-5_000);
    await pods.report(report('b'), call);
    const { now, pods: listed } = await pods.read(call);
    expect(listed.map(({ at }) => at)).toEqual([now, now]);
  });
});

describe('FakePodRegistry', () => {
  it('fails once per kind of call when told to, and appends nothing then', async () => {
    const registry = new FakePodRegistry();
    const failure = new TidemarkError('PUBLISH_FAILED', 'no', { retriable: true });
    registry.failNext('report', failure);
    registry.failNext('read', failure);
    await expect(registry.report(report('a'))).rejects.toBe(failure);
    await expect(registry.read()).rejects.toBe(failure);
    expect((await registry.read()).pods).toEqual([]);
    await registry.report(report('a'));
    expect(registry.reports.map(({ pod }) => pod)).toEqual(['a']);
    expect(registry.reads).toBe(2);
  });
});
