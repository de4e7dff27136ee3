import { describe, expect, it } from '@jest/globals';
import { decodeRecord } from '@tidemark/protocol';
import { MetricRegistry, TidemarkError } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';

import { DispatchMetrics } from './dispatch-metrics.js';
import { DispatchPartition } from './dispatch-partition.js';
import { type TablePlan } from './dispatch-plan.js';
import { type DispatchContext, dispatchTable } from './dispatch-table.js';
import { type SourceBatch } from './ports.js';
import { event, watermark } from './testing/dispatch-bench.js';
import { FlakyEventSink } from './testing/flaky-event-sink.js';

function bench(options: Partial<DispatchContext> = {}) {
  const sink = new FlakyEventSink({ autoCreate: 0 });
  sink.createTopic('a', 1);
  const clock = new ManualClock();
  const broken: string[] = [];
  const context: DispatchContext = {
    clock,
    sink,
    metrics: new DispatchMetrics(new MetricRegistry()),
    random: () => 0.5,
    chunkRecordsMax: 1,
    publishAttemptsMax: 3,
    retryMaxMs: 1_000,
    plan: () => Promise.resolve<TablePlan>({ type: 'dispatch', targets: [{ topic: 'a', since: 1 }] }),
    target: (_table, topic) => ({ topic, since: 1 }),
    onBrokenTopic: (topic) => broken.push(topic),
    ...options,
  };
  return {
    sink,
    clock,
    broken,
    context,
    owned: new DispatchPartition('users', 0),
    signal: new AbortController().signal,
  };
}

const batch: SourceBatch = {
  topic: 'tidemark.cdc.users',
  partition: 0,
  records: [event('u:1'), watermark(70), event('u:2')].map((record, src) => ({ ...record, src })),
  firstOffset: 0n,
  nextOffset: 3n,
};

describe('dispatchTable', () => {
  it('commits a batch once all of its chunks are acknowledged, and remembers the watermark passed', async () => {
    const { sink, owned, context, signal } = bench();
    await expect(dispatchTable(batch, owned, context, { signal })).resolves.toEqual({ type: 'commit' });
    expect(sink.log('a', 0)).toHaveLength(4);
    expect(owned.passed).toEqual({ at: 70, streamId: 'stream-1' });
  });

  it('hazard 35: a record that a topic refuses holds nothing up: its key is dropped there, the others go on in order', async () => {
    const { sink, owned, context, signal } = bench({ chunkRecordsMax: 10 });
    const refused = event('u:heavy');
    const records = [event('u:1'), watermark(70), refused, event('u:2'), watermark(80)];
    sink.fault = (_, sent) =>
      sent.some(({ record }) => record.value !== null && record.value === refused.value)
        ? new TidemarkError('PUBLISH_FAILED', 'too large', { retriable: false })
        : undefined;
    const whole = { ...batch, records: records.map((record, src) => ({ ...record, src })), nextOffset: 5n };
    await expect(dispatchTable(whole, owned, context, { signal })).resolves.toEqual({ type: 'commit' });
    const carried = sink.log('a', 0).filter(({ src }) => src !== undefined);
    expect(carried.map(({ src }) => src)).toEqual([0, 1, 2, 3, 4]);
    expect(decodeRecord(carried[2] ?? refused)).toMatchObject({
      type: 'control',
      record: { control: 'invalidate', table: 'users', key: 'u:heavy' },
    });
    expect(carried.map(({ value }) => value !== null)).toEqual([true, false, false, true, false]);
    expect(owned.passed).toEqual({ at: 80, streamId: 'stream-1' });
    expect(context.metrics.valuesLeftOut.value).toBe(1);
  });

  it('holds what a topic refuses though nothing can be left out of it', async () => {
    const { sink, owned, context, signal } = bench();
    sink.fault = () => new TidemarkError('PUBLISH_FAILED', 'too large', { retriable: false });
    const outcome = dispatchTable(batch, owned, context, { signal });
    await expect(outcome).resolves.toMatchObject({ type: 'hold', why: 'unpublished' });
    expect(sink.log('a', 0)).toEqual([]);
  });

  it('commits an empty batch', async () => {
    const { sink, owned, context, signal } = bench();
    const empty = { ...batch, records: [], nextOffset: 0n };
    await expect(dispatchTable(empty, owned, context, { signal })).resolves.toEqual({ type: 'commit' });
    expect(sink.sends).toEqual([]);
  });

  it('stops between two chunks when the partition was assigned anew', async () => {
    const { sink, owned, context, signal } = bench();
    const release = sink.stall('a');
    const outcome = dispatchTable(batch, owned, context, { signal });
    await settle();
    owned.revoke();
    release();
    await expect(outcome).resolves.toMatchObject({ type: 'hold', why: 'ended' });
    expect(sink.log('a', 0)).toHaveLength(2);
    expect(owned.passed).toBeUndefined();
  });

  it('does not send again once the partition was assigned anew', async () => {
    const { sink, owned, clock, context, signal } = bench();
    sink.failNext('a');
    const outcome = dispatchTable(batch, owned, context, { signal });
    await settle();
    owned.revoke();
    await clock.advance(10_000);
    await expect(outcome).resolves.toMatchObject({ type: 'hold', why: 'ended' });
    expect(sink.sends).toEqual([]);
  });

  it('that is to be let go ends with the chunk in hand, and is done up to there', async () => {
    const { sink, context, owned, signal } = bench();
    const closer = new AbortController();
    const release = sink.stall('a');
    const outcome = dispatchTable(batch, owned, context, { signal, closing: closer.signal });
    await settle();
    closer.abort();
    release();
    await expect(outcome).resolves.toEqual({ type: 'part', commitTo: 1n });
    expect(sink.log('a', 0).filter(({ key }) => key !== null)).toHaveLength(1);
  });

  it('that is to be let go is not tried again', async () => {
    const { sink, clock, context, owned, signal } = bench();
    const closer = new AbortController();
    sink.failNext('a');
    const outcome = dispatchTable(batch, owned, context, { signal, closing: closer.signal });
    await settle();
    closer.abort();
    await expect(outcome).resolves.toMatchObject({ type: 'hold', why: 'ended' });
    await clock.advance(10_000);
    expect(sink.log('a', 0)).toEqual([]);
  });

  it('goes on trying while others fill the queue', async () => {
    const { sink, clock, context, owned, signal } = bench();
    const send = sink.send.bind(sink);
    let refusals = 10;
    sink.send = (topic, records, given) => {
      refusals -= 1;
      if (refusals >= 0) throw new TidemarkError('QUEUE_FULL', 'full', { retriable: true });
      return send(topic, records, given);
    };
    const outcome = dispatchTable(batch, owned, context, { signal });
    await clock.advance(60_000);
    await expect(outcome).resolves.toEqual({ type: 'commit' });
  });

  it('ends a wait between two attempts when it is aborted', async () => {
    const { sink, owned, context } = bench();
    const aborter = new AbortController();
    sink.failNext('a');
    const outcome = dispatchTable(batch, owned, context, aborter);
    await settle();
    aborter.abort();
    await expect(outcome).resolves.toMatchObject({ type: 'hold', why: 'ended' });
  });

  it('holds after its last attempt, with bounded delays between', async () => {
    const { sink, owned, clock, context, signal } = bench({ publishAttemptsMax: 4, retryMaxMs: 150 });
    for (let i = 0; i < 4; i += 1) sink.failNext('a');
    const outcome = dispatchTable(batch, owned, context, { signal });
    await clock.advance(75 + 112.5 + 112.5);
    await expect(outcome).resolves.toMatchObject({ type: 'hold', why: 'unpublished', reason: 'a: send to a failed' });
    expect(sink.sends).toHaveLength(0);
  });

  it('holds at once where another attempt would fail alike', async () => {
    const { sink, owned, context, signal } = bench();
    sink.send = () => Promise.reject(new TidemarkError('ACCESS_DENIED', 'no', { retriable: false }));
    await expect(dispatchTable(batch, owned, context, { signal })).resolves.toMatchObject({ why: 'unpublished' });
  });

  it('reports a target that is missing, and holds', async () => {
    const { sink, owned, context, signal, broken } = bench();
    sink.deleteTopic('a');
    await expect(dispatchTable(batch, owned, context, { signal })).resolves.toMatchObject({ why: 'unpublished' });
    expect(broken).toEqual(['a']);
  });

  it.each<[TablePlan, string]>([
    [{ type: 'unrouted' }, 'unrouted'],
    [{ type: 'blocked', reason: 'b is missing' }, 'blocked'],
  ])('holds under the plan %j', async (plan, why) => {
    const { owned, context, signal } = bench({ plan: () => Promise.resolve(plan) });
    await expect(dispatchTable(batch, owned, context, { signal })).resolves.toMatchObject({ type: 'hold', why });
  });
});
