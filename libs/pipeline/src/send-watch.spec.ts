import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';

import { SendWatch } from './send-watch.js';
import { FlakyEventSink } from './testing/flaky-event-sink.js';

const record = { partition: 0, record: { key: 'k', value: null, header: null } };

function watched() {
  const clock = new ManualClock();
  const sink = new FlakyEventSink({ autoCreate: 1 });
  for (const topic of ['a', 'b']) sink.createTopic(topic, 1);
  return { clock, sink, watch: new SendWatch(sink, clock), signal: new AbortController().signal };
}

describe('SendWatch', () => {
  it('tells how long the oldest send of a topic has had no answer', async () => {
    const { clock, sink, watch, signal } = watched();
    const release = sink.stall('a');
    const first = watch.send('a', [record], signal);
    await clock.advance(500);
    const second = watch.send('a', [record], signal);
    await clock.advance(500);
    expect([watch.unansweredMs('a'), watch.unansweredMs('b')]).toEqual([1_000, 0]);
    release();
    await Promise.all([first, second]);
    expect(watch.unansweredMs('a')).toBe(0);
  });

  it('takes a failure for an answer', async () => {
    const { clock, sink, watch, signal } = watched();
    sink.failNext('a');
    await expect(watch.send('a', [record], signal)).rejects.toMatchObject({ code: 'PUBLISH_FAILED' });
    await clock.advance(500);
    await settle();
    expect(watch.unansweredMs('a')).toBe(0);
  });

  it('asks the sink what it is asked', async () => {
    const { watch, signal } = watched();
    await expect(watch.partitionsOf('a', signal)).resolves.toBe(1);
    await expect(watch.listTopics('', signal)).resolves.toEqual(['a', 'b']);
  });
});
