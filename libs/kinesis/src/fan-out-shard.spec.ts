import { type StartingPosition, type SubscribeToShardEvent } from '@aws-sdk/client-kinesis';
import { describe, expect, it } from '@jest/globals';
import { type ShardPage, type ShardPosition } from '@tidemark/pipeline';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { FanOutShard } from './fan-out-shard.js';
import { type Arrival } from './pushed-messages.js';
import { type PushedEvent, type ShardSubscription } from './shard-subscription.js';
import { SubscribePace } from './subscribe-pace.js';

const { signal } = new AbortController();
const startedAt = 1_700_000_000_000;

function awsError(name: string): Error {
  return Object.assign(new Error('said by the test'), { name });
}

/** A subscription of which the test says what is pushed, and when. */
class ScriptedSubscription implements ShardSubscription {
  isClosed = false;
  readonly #pushed: (PushedEvent | 'end' | Error)[] = [];
  #wake: () => void = () => undefined;

  push(event: Partial<SubscribeToShardEvent>, provenAt: number | null = null): void {
    this.#add({ event: { Records: [], MillisBehindLatest: 0, ...event } as SubscribeToShardEvent, provenAt });
  }

  end(): void {
    this.#add('end');
  }

  fail(error: Error): void {
    this.#add(error);
  }

  async arrival(): Promise<Arrival> {
    while (this.#pushed.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#pushed[0] === 'end' ? 'end' : { bytes: 1_234 };
  }

  async next(): Promise<PushedEvent | undefined> {
    await this.arrival();
    const next = this.#pushed.shift();
    if (next instanceof Error) throw next;
    return next === 'end' ? undefined : next;
  }

  close(): void {
    this.isClosed = true;
  }

  #add(next: PushedEvent | 'end' | Error): void {
    this.#pushed.push(next);
    this.#wake();
  }
}

function make(position: ShardPosition = { type: 'trim-horizon' }) {
  const clock = new ManualClock(startedAt);
  const subscriptions: ScriptedSubscription[] = [];
  const starts: { readonly atMs: number; readonly from: string }[] = [];
  const refusals: Error[] = [];
  let state: 'open' | 'closed' | 'gone' = 'open';
  const cursor = new FanOutShard({
    shardId: 's',
    position,
    pace: new SubscribePace(clock, 5_000),
    clock,
    silenceMaxMs: 35_000,
    state: () => Promise.resolve(state),
    subscribe: ({ Type, SequenceNumber = '' }: StartingPosition) => {
      starts.push({ atMs: clock.monotonicMs(), from: `${Type ?? ''} ${SequenceNumber}`.trim() });
      const refusal = refusals.shift();
      if (refusal !== undefined) return Promise.reject(refusal);
      subscriptions.push(new ScriptedSubscription());
      return Promise.resolve(subscriptions.at(-1) as ScriptedSubscription);
    },
  });
  const last = async (): Promise<ScriptedSubscription> => {
    await settle();
    return subscriptions.at(-1) ?? Promise.reject(new Error('there is no subscription'));
  };
  /** The next page, after what `push` does to the subscription. */
  const page = async (push: (subscription: ScriptedSubscription) => void): Promise<ShardPage> => {
    const read = cursor.read(signal);
    // Whether it fails is for the caller to see.
    read.catch(() => undefined);
    push(await last());
    return read;
  };
  return {
    clock,
    cursor,
    subscriptions,
    starts,
    refusals,
    last,
    page,
    set state(next: typeof state) {
      state = next;
    },
  };
}

function record(sequenceNumber: string, acceptedAt: number) {
  return {
    SequenceNumber: sequenceNumber,
    PartitionKey: 'k',
    Data: new Uint8Array([1]),
    ApproximateArrivalTimestamp: new Date(acceptedAt),
  };
}

describe('FanOutShard', () => {
  it('makes a page of each event, and goes on where the last one ended once Kinesis ends the subscription', async () => {
    const shard = make();
    const first = await shard.page((each) =>
      each.push({ Records: [record('1', startedAt)], ContinuationSequenceNumber: '1' }),
    );
    expect(first).toMatchObject({ records: [{ sequenceNumber: '1' }], closed: false, gap: false });
    await shard.page((each) => each.push({ ContinuationSequenceNumber: '7' }));
    await shard.clock.advance(300_000);
    const after = shard.cursor.read(signal);
    (await shard.last()).end();
    await settle();
    expect(shard.starts.map(({ from }) => from)).toEqual(['TRIM_HORIZON', 'AFTER_SEQUENCE_NUMBER 7']);
    expect(shard.subscriptions.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    (await shard.last()).push({ ContinuationSequenceNumber: '8', MillisBehindLatest: 5 });
    expect(await after).toMatchObject({ records: [], millisBehindLatest: 5, gap: false });
  });

  it('goes on after the last record where the continuation says nothing', async () => {
    const shard = make({ type: 'after', sequenceNumber: '3' });
    await shard.page((each) => each.push({ ContinuationSequenceNumber: '0' }));
    const next = shard.cursor.read(signal);
    (await shard.last()).end();
    await shard.clock.advance(5_000);
    expect(shard.starts.map(({ from }) => from)).toEqual(['AFTER_SEQUENCE_NUMBER 3', 'AFTER_SEQUENCE_NUMBER 3']);
    (await shard.last()).push({ ContinuationSequenceNumber: '4' });
    await next;
  });

  it.each<[string, Partial<SubscribeToShardEvent>]>([
    ['names child shards', { ChildShards: [{ ShardId: 'c', ParentShards: ['s'], HashKeyRange: undefined }] }],
    ['says nowhere to go on, of a shard that is listed as closed', {}],
  ])('closes the shard at an event that %s', async (_, event) => {
    const shard = make();
    shard.state = 'closed';
    expect(await shard.page((each) => each.push({ Records: [record('1', startedAt)], ...event }))).toMatchObject({
      records: [{ sequenceNumber: '1' }],
      closed: true,
    });
    expect(shard.subscriptions[0]?.isClosed).toBe(true);
  });

  it('does not believe the end of a shard that is listed as open, and asks for the event again', async () => {
    const shard = make({ type: 'after', sequenceNumber: '3' });
    await expect(shard.page((each) => each.push({ Records: [record('4', startedAt)] }))).rejects.toMatchObject({
      code: 'STREAM_UNAVAILABLE',
      retriable: true,
    });
    const again = shard.cursor.read(signal);
    await shard.clock.advance(5_000);
    expect(shard.starts.at(-1)?.from).toBe('AFTER_SEQUENCE_NUMBER 3');
    (await shard.last()).push({ Records: [record('4', startedAt)], ContinuationSequenceNumber: '4' });
    expect((await again).records).toHaveLength(1);
  });

  it('tells an error that comes in place of an event, and reads the same page afterwards', async () => {
    const shard = make({ type: 'after', sequenceNumber: '3' });
    await expect(shard.page((each) => each.fail(awsError('InternalFailureException')))).rejects.toMatchObject({
      code: 'STREAM_UNAVAILABLE',
      retriable: true,
    });
    expect(shard.subscriptions[0]?.isClosed).toBe(true);
    const again = shard.cursor.read(signal);
    await shard.clock.advance(5_000);
    expect(shard.starts.at(-1)?.from).toBe('AFTER_SEQUENCE_NUMBER 3');
    (await shard.last()).push({ ContinuationSequenceNumber: '4' });
    await again;
  });

  it('waits for five seconds where the shard is in use, and says so only when it still is', async () => {
    const shard = make();
    shard.refusals.push(awsError('ResourceInUseException'));
    const page = shard.cursor.read(signal);
    await shard.clock.advance(4_999);
    expect(shard.starts).toHaveLength(1);
    await shard.clock.advance(1);
    expect(shard.starts).toHaveLength(2);
    (await shard.last()).push({ ContinuationSequenceNumber: '1' });
    await page;

    const busy = make();
    busy.refusals.push(awsError('ResourceInUseException'), awsError('ResourceInUseException'));
    const failed = expect(busy.cursor.read(signal)).rejects.toThrow('said by the test');
    await busy.clock.advance(5_000);
    await failed;
  });

  it('leaves the shard to whoever has taken it over for five seconds', async () => {
    const shard = make();
    await shard.page((each) => each.push({ ContinuationSequenceNumber: '1' }));
    await shard.clock.advance(60_000);
    await expect(shard.page((each) => each.fail(awsError('ResourceInUseException')))).rejects.toThrow();
    const next = shard.cursor.read(signal);
    await shard.clock.advance(4_999);
    expect(shard.starts).toHaveLength(1);
    await shard.clock.advance(1);
    expect(shard.starts).toHaveLength(2);
    (await shard.last()).push({ ContinuationSequenceNumber: '2' });
    await next;
  });

  it('calls once a second at most where calls fail', async () => {
    const shard = make();
    shard.refusals.push(awsError('LimitExceededException'));
    await expect(shard.cursor.read(signal)).rejects.toThrow();
    const page = shard.cursor.read(signal);
    await shard.clock.advance(999);
    expect(shard.starts).toHaveLength(1);
    await shard.clock.advance(1);
    expect(shard.starts).toHaveLength(2);
    (await shard.last()).push({ ContinuationSequenceNumber: '1' });
    await page;
  });

  it('ends a shard that is gone with a gap, whether Kinesis refuses it or ends its stream', async () => {
    const refused = make();
    refused.state = 'gone';
    refused.refusals.push(awsError('ResourceNotFoundException'));
    expect(await refused.cursor.read(signal)).toMatchObject({ records: [], closed: true, gap: true });
    const ended = make();
    ended.state = 'gone';
    expect(await ended.page((each) => each.end())).toMatchObject({ records: [], closed: true, gap: true });
    const there = make();
    there.refusals.push(awsError('ResourceNotFoundException'));
    await expect(there.cursor.read(signal)).rejects.toThrow('said by the test');
  });

  it('begins at the oldest record, with one gap, where its position is not of this stream', async () => {
    const shard = make({ type: 'after', sequenceNumber: '3' });
    shard.refusals.push(awsError('InvalidArgumentException'));
    const page = shard.cursor.read(signal);
    await shard.clock.advance(1_000);
    (await shard.last()).push({ ContinuationSequenceNumber: '4' });
    expect(await page).toMatchObject({ gap: true });
    expect(shard.starts.map(({ from }) => from)).toEqual(['AFTER_SEQUENCE_NUMBER 3', 'TRIM_HORIZON']);
    expect(await shard.page((each) => each.push({ ContinuationSequenceNumber: '5' }))).toMatchObject({ gap: false });
  });

  it('gives a subscription up that says nothing for 35 seconds', async () => {
    const shard = make({ type: 'after', sequenceNumber: '3' });
    const silent = expect(shard.cursor.read(signal)).rejects.toMatchObject({ code: 'TIMEOUT', retriable: true });
    await shard.clock.advance(34_999);
    expect(shard.subscriptions[0]?.isClosed).toBe(false);
    await shard.clock.advance(1);
    await silent;
    expect(shard.subscriptions[0]?.isClosed).toBe(true);
    const again = shard.cursor.read(signal);
    (await shard.last()).push({ ContinuationSequenceNumber: '4' });
    await again;
    expect(shard.starts.at(-1)?.from).toBe('AFTER_SEQUENCE_NUMBER 3');
  });

  it('is owed an answer while it subscribes, and once a shard has been quiet for ten seconds', async () => {
    const shard = make();
    const page = shard.cursor.read(signal);
    await shard.clock.advance(9_999);
    expect(shard.cursor.askedSinceMs).toBeNull();
    await shard.clock.advance(2_001);
    expect(shard.cursor.askedSinceMs).toBe(10_000);
    (await shard.last()).push({ ContinuationSequenceNumber: '1' });
    await page;
    expect(shard.cursor.askedSinceMs).toBeNull();
  });

  it('keeps the subscription when whoever waited for an event goes away, and says how large the event is', async () => {
    const shard = make();
    const aborter = new AbortController();
    const ready = shard.cursor.ready(aborter.signal);
    await settle();
    aborter.abort();
    await ready;
    expect(shard.cursor.pageBytesMax).toBe(10 * 1_024 * 1_024);
    await expect(shard.cursor.read(aborter.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    (await shard.last()).push({ ContinuationSequenceNumber: '1' });
    await shard.cursor.ready(signal);
    expect(shard.cursor.pageBytesMax).toBe(1_234);
    await shard.cursor.read(signal);
    expect(shard.starts).toHaveLength(1);
    shard.cursor.close();
    expect(shard.subscriptions[0]?.isClosed).toBe(true);
  });
});

describe('what a pushed page may claim', () => {
  it('is not later than its subscription where nothing else is known, however long it lay in a buffer', async () => {
    const shard = make();
    await shard.page((each) => each.push({ ContinuationSequenceNumber: '1' }));
    // Ten minutes in which Kafka takes nothing, so nobody reads.
    const subscription = await shard.last();
    subscription.push({ ContinuationSequenceNumber: '1' });
    await shard.clock.advance(600_000);
    expect(await shard.cursor.read(signal)).toMatchObject({ askedAt: startedAt, millisBehindLatest: 0 });
  });

  it('is as late as the last record of the subscription was accepted', async () => {
    const shard = make();
    await shard.page((each) => each.push({ ContinuationSequenceNumber: '1' }));
    await shard.clock.advance(60_000);
    const at = startedAt + 59_900;
    // Times of acceptance need not be in order.
    const Records = [record('2', at), record('3', at - 50)];
    const page = await shard.page((each) => each.push({ Records, ContinuationSequenceNumber: '3' }));
    expect(page.askedAt).toBe(at);
    const empty = await shard.page((each) => each.push({ ContinuationSequenceNumber: '3' }));
    expect(empty.askedAt).toBe(at);
  });

  it('is as late as the last probe that was answered before the page came', async () => {
    const shard = make();
    await shard.page((each) => each.push({ ContinuationSequenceNumber: '1' }));
    await shard.clock.advance(60_000);
    const page = await shard.page((each) => each.push({ ContinuationSequenceNumber: '1' }, startedAt + 58_000));
    expect(page.askedAt).toBe(startedAt + 58_000);
  });

  it('is never later than now, where the clock of Kinesis is ahead', async () => {
    const shard = make();
    const Records = [record('2', startedAt + 90_000)];
    const page = await shard.page((each) => each.push({ Records, ContinuationSequenceNumber: '2' }));
    expect(page.askedAt).toBe(startedAt);
  });

  it('is nothing where Kinesis does not say how far behind it is', async () => {
    const shard = make();
    const event = { ContinuationSequenceNumber: '1', MillisBehindLatest: undefined };
    expect(await shard.page((each) => each.push(event))).toMatchObject({ millisBehindLatest: null });
  });
});
