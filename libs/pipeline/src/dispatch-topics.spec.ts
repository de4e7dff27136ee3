import { describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { DispatchTopics } from './dispatch-topics.js';
import { type EventSink } from './ports.js';

const { signal } = new AbortController();

async function afterA(failure: TidemarkError) {
  let isFailing = false;
  const partitionsOf = async (): Promise<number> => {
    if (isFailing) throw failure;
    return 4;
  };
  const topics = new DispatchTopics({ partitionsOf } as unknown as EventSink);
  await topics.refresh(['a'], signal);
  isFailing = true;
  await topics.refresh(['a'], signal);
  return topics.countOf('a');
}

const failure = (code: 'ACCESS_DENIED' | 'FEED_UNAVAILABLE' | 'TOPIC_MISSING', context = {}): TidemarkError =>
  new TidemarkError(code, 'no', { retriable: false, context });

describe('DispatchTopics', () => {
  it.each([
    ['the brokers do not answer', failure('FEED_UNAVAILABLE')],
    ['a login is refused, while the connections that there are go on', failure('ACCESS_DENIED', { field: 'sasl' })],
  ])('keeps a count that was known where %s', async (_what, error) => {
    expect(await afterA(error)).toEqual({ partitions: 4 });
  });

  it.each([
    ['is gone', failure('TOPIC_MISSING'), { problem: 'there is no such topic', missing: true }],
    ['may not be looked at any more', failure('ACCESS_DENIED', { topic: 'a' }), { problem: 'no', missing: false }],
  ])('forgets the count of a topic that %s', async (_what, error, expected) => {
    expect(await afterA(error)).toEqual(expected);
  });
});
