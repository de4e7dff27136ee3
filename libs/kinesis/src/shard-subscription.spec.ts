import { Readable } from 'node:stream';
import { type SubscribeToShardEventStream } from '@aws-sdk/client-kinesis';
import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { eventMessage } from './testing/push-server.js';
import { PushedMessages } from './pushed-messages.js';
import { HttpSubscription } from './shard-subscription.js';

const startedAt = 1_700_000_000_000;
const event = (text = ''): Buffer =>
  eventMessage({ ':message-type': 'event', ':event-type': 'SubscribeToShardEvent' }, { text });

/** A subscription whose socket, and answers to probes, are the test's. */
function make({ highWaterMark = 1_000 } = {}) {
  const clock = new ManualClock(startedAt);
  const source = new Readable({ highWaterMark, read: () => undefined });
  const messages = new PushedMessages(source);
  async function* decoded(): AsyncGenerator<SubscribeToShardEventStream> {
    for await (const _ of messages) {
      const body = { Records: [], ContinuationSequenceNumber: '1', MillisBehindLatest: 0 };
      yield { SubscribeToShardEvent: body };
    }
  }
  const probes: (() => void)[] = [];
  let isStalled = false;
  const probe = (): Promise<void> =>
    new Promise((resolve) => {
      probes.push(resolve);
      if (!isStalled) resolve();
    });
  const subscription = new HttpSubscription(messages, decoded(), probe, { clock, unansweredMaxMs: 10_000 });
  const provenAfter = async (bytes: Buffer): Promise<number | null | undefined> => {
    const arrival = subscription.arrival();
    await settle();
    source.push(bytes);
    await arrival;
    const pushed = await subscription.next();
    return pushed?.provenAt === undefined || pushed.provenAt === null ? null : pushed.provenAt - startedAt;
  };
  return {
    clock,
    source,
    probes,
    subscription,
    provenAfter,
    set stalled(stalled: boolean) {
      isStalled = stalled;
    },
  };
}

describe('HttpSubscription', () => {
  it('proves an event younger than the last probe that was answered before it, less a second for Kinesis to send it', async () => {
    const { clock, source, subscription } = make();
    const arrival = subscription.arrival();
    await clock.advance(5_300);
    source.push(event());
    await arrival;
    // Probes are sent each half second.
    expect(await subscription.next()).toMatchObject({ provenAt: startedAt + 5_000 - 1_000 });
  });

  it('proves nothing by a connection that stands still, nor by what comes once it goes on', async () => {
    const stream = make();
    const arrival = stream.subscription.arrival();
    await stream.clock.advance(2_000);
    stream.stalled = true;
    await stream.clock.advance(9_000);
    // What was under way for nine seconds comes at once, the answers to the probes behind it.
    stream.source.push(Buffer.concat([event(), event()]));
    await arrival;
    for (const answer of stream.probes) answer();
    await settle();
    for (let read = 0; read < 2; read += 1) {
      expect(await stream.subscription.next()).toMatchObject({ provenAt: startedAt + 2_000 - 1_000 });
    }
  });

  it('proves nothing while nobody reads, since what waits at the other end may be of any age', async () => {
    const stream = make();
    expect(await stream.provenAfter(event())).toBe(-1_000);
    stream.source.push(event('a'.repeat(2_000)));
    await stream.clock.advance(600_000);
    await stream.subscription.arrival();
    await stream.subscription.next();
    // The other end may send again, and what it sends first is old, although probes are answered.
    expect(await stream.provenAfter(event())).toBe(-1_000);
    const arrival = stream.subscription.arrival();
    await stream.clock.advance(2_500);
    stream.source.push(event());
    await arrival;
    expect(await stream.subscription.next()).toMatchObject({ provenAt: startedAt + 602_500 - 1_000 });
  });

  it('proves nothing while the window of the connection may hold events back, until it was quiet for the time of a whole probe', async () => {
    const stream = make({ highWaterMark: 1_000_000 });
    stream.stalled = true;
    const large = event('a'.repeat(40_000));
    const first = stream.subscription.arrival();
    await stream.clock.advance(1_200);
    stream.source.push(large);
    await first;
    // The answers to the probes come behind a part of what the window let through.
    for (const answer of stream.probes) answer();
    await stream.subscription.next();
    expect(await stream.provenAfter(event())).toBeNull();
    stream.stalled = false;
    const second = stream.subscription.arrival();
    await stream.clock.advance(1_300);
    stream.source.push(event());
    await second;
    expect(await stream.subscription.next()).toMatchObject({ provenAt: startedAt + 2_200 - 1_000 });
  });

  it('survives probes that fail', async () => {
    const clock = new ManualClock(startedAt);
    const source = new Readable({ read: () => undefined });
    const messages = new PushedMessages(source);
    const probe = (): Promise<void> => Promise.reject(new Error('no pings'));
    const subscription = new HttpSubscription(messages, Readable.from([]), probe, {
      clock,
      unansweredMaxMs: 10_000,
    });
    const arrival = subscription.arrival();
    await clock.advance(2_000);
    source.push(null);
    expect(await arrival).toBe('end');
    expect(await subscription.next()).toBeUndefined();
  });

  it('waits for as long as probes are answered', async () => {
    const { clock, source, subscription } = make();
    const arrival = subscription.arrival();
    await clock.advance(300_000);
    source.push(event());
    expect(await arrival).toMatchObject({ bytes: event().byteLength });
  });

  it.each<[string, Buffer | undefined, (subscription: HttpSubscription) => Promise<unknown>]>([
    ['before an event', undefined, (subscription) => subscription.arrival()],
    ['within an event', event().subarray(0, 40), (subscription) => subscription.next()],
  ])('gives up a connection that has answered no probe for ten seconds, and no sooner: %s', async (_, begun, wait) => {
    const stream = make();
    stream.stalled = true;
    if (begun !== undefined) stream.source.push(begun);
    let failure: unknown;
    wait(stream.subscription).catch((error: unknown) => (failure = error));
    await stream.clock.advance(9_900);
    expect(failure).toBeUndefined();
    await stream.clock.advance(100);
    expect(failure).toMatchObject({ code: 'TIMEOUT', retriable: true });
    expect(stream.clock.pending).toBe(0);
  });

  it('begins to count anew with each answer', async () => {
    const stream = make();
    stream.stalled = true;
    const arrival = stream.subscription.arrival();
    await stream.clock.advance(9_000);
    for (const answer of stream.probes) answer();
    await stream.clock.advance(9_000);
    stream.source.push(event());
    expect(await arrival).toMatchObject({ bytes: event().byteLength });
  });
});
