import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { settle } from '@tidemark/runtime/testing';
import { eventMessage } from './testing/push-server.js';
import { PushedMessages } from './pushed-messages.js';

const event = (text: string): Buffer => eventMessage({ ':message-type': 'event', ':event-type': 'e' }, { text });
const initial = eventMessage({ ':message-type': 'event', ':event-type': 'initial-response' }, {});

/** A socket that the test fills. */
function socket(highWaterMark = 65_536) {
  const source = new Readable({ highWaterMark, read: () => undefined });
  const messages = new PushedMessages(source);
  const all = messages[Symbol.asyncIterator]();
  const next = async (): Promise<Uint8Array | undefined> => {
    const { value, done } = await all.next();
    return done === true ? undefined : value;
  };
  return { source, messages, next };
}

describe('PushedMessages', () => {
  it('hands over one whole message at a time, however they were cut on their way', async () => {
    const { source, messages, next } = socket();
    const sent = [initial, event('a'), event('b'.repeat(100_000)), event('c')];
    const bytes = Buffer.concat(sent);
    for (let offset = 0; offset < bytes.byteLength; offset += 7) source.push(bytes.subarray(offset, offset + 7));
    source.push(null);
    for (const message of sent) expect(Buffer.from((await next()) ?? []).equals(message)).toBe(true);
    expect(await next()).toBeUndefined();
    expect(messages.events).toBe(3);
  });

  it('says how large a message is once its first bytes have come, and takes nothing more off the socket', async () => {
    const { source, messages } = socket();
    const message = event('b'.repeat(300_000));
    const arrival = messages.arrival();
    source.push(message.subarray(0, 5));
    await settle();
    source.push(message.subarray(5, 12));
    expect(await arrival).toEqual({ bytes: message.byteLength });
    source.push(message.subarray(12, 60_000));
    await settle();
    expect(source.readableLength).toBe(60_000 - 12);
    expect(await messages.arrival()).toEqual({ bytes: message.byteLength });
  });

  it('proves a time for the messages of which nothing had come by then, and for no others', async () => {
    const { source, messages, next } = socket();
    const [a, b, c, d] = [event('a'), event('b'), event('c'), event('d')];
    messages.mark(1);
    source.push(a);
    // Nobody has read it: it had come by then, all the same.
    messages.mark(2);
    source.push(b.subarray(0, 3));
    messages.mark(3);
    source.push(b.subarray(3));
    messages.mark(4);
    const proven: (number | null)[] = [];
    for (let message = 0; message < 2; message += 1) {
      await next();
      proven.push(messages.provenAt);
    }
    source.push(c);
    source.push(d);
    for (let message = 0; message < 2; message += 1) {
      await next();
      proven.push(messages.provenAt);
    }
    expect(proven).toEqual([1, 2, 4, 4]);
  });

  it('proves no more than it remembers', async () => {
    const { source, messages, next } = socket();
    const long = event('a'.repeat(1_000));
    for (let at = 0; at < 200; at += 1) {
      messages.mark(at);
      source.push(long.subarray(at, at + 1));
    }
    source.push(long.subarray(200));
    source.push(event('b'));
    await next();
    expect(messages.provenAt).toBeNull();
    await next();
    expect(messages.provenAt).toBe(199);
  });

  it('says once whether the buffers of the socket were full before they were read', async () => {
    const { source, messages, next } = socket(100);
    expect(messages.takeWasFull()).toBe(false);
    source.push(event('a'.repeat(200)));
    await next();
    expect(messages.takeWasFull()).toBe(true);
    expect(messages.takeWasFull()).toBe(false);
  });

  it.each<[string, Buffer]>([
    ['ends within a message', event('a').subarray(0, 20)],
    ['ends within the length of one', event('a').subarray(0, 3)],
    ['has a message larger than there is', Buffer.alloc(16, 0xff)],
    ['has a message of no bytes', Buffer.alloc(16)],
  ])('refuses a stream that %s', async (_, bytes) => {
    const { source, next } = socket();
    source.push(bytes);
    source.push(null);
    await expect(next()).rejects.toMatchObject({ code: 'STREAM_UNAVAILABLE', retriable: true });
  });

  it('fails with its socket', async () => {
    const { source, messages } = socket();
    const arrival = messages.arrival();
    await settle();
    source.destroy(new Error('reset'));
    await expect(arrival).rejects.toThrow('reset');
  });
});
