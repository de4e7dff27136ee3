import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { seededRandom } from './seeded-random.js';
import { type PutRecords, StreamPublisher, type StreamRecord } from './stream-publisher.js';

function record(partitionKey: string, value: number, streamName = 's'): StreamRecord {
  return { streamName, partitionKey, bytes: Buffer.from(String(value)) };
}

/** A stream that keeps what it accepts; `answer` says, for each batch, which records those are. */
class FakeStream {
  readonly accepted: string[] = [];
  readonly batches: string[][] = [];
  answer: (batch: readonly StreamRecord[], call: number) => readonly boolean[] | Error = (batch) =>
    batch.map(() => true);

  readonly putRecords: PutRecords = async (_streamName, batch) => {
    const answer = this.answer(batch, this.batches.length);
    this.batches.push(batch.map(textOf));
    if (answer instanceof Error) throw answer;
    for (const [at, sent] of batch.entries()) if (answer[at] === true) this.accepted.push(textOf(sent));
    return answer;
  };
}

function textOf(sent: StreamRecord): string {
  return `${sent.partitionKey}${sent.bytes.toString()}`;
}

function publisherTo(stream: FakeStream): { publisher: StreamPublisher; clock: ManualClock } {
  const clock = new ManualClock();
  const publisher = new StreamPublisher({
    putRecords: stream.putRecords,
    clock,
    random: seededRandom(1),
    log: silentLogger,
    region: 'us-east-1',
    onProgress: () => undefined,
  });
  return { publisher, clock };
}

/** Lets the publisher run until it waits or has nothing left. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await settle();
}

describe('StreamPublisher', () => {
  it('never has two records of a key in one batch, and keeps their order', async () => {
    const stream = new FakeStream();
    const { publisher } = publisherTo(stream);
    for (const [key, value] of [
      ['a', 1],
      ['b', 1],
      ['a', 2],
      ['a', 3],
      ['b', 2],
    ] as const) {
      publisher.add(record(key, value));
    }
    await settled();
    expect(stream.batches).toEqual([['a1', 'b1'], ['a2', 'b2'], ['a3']]);
    expect(publisher.pending).toBe(0);
  });

  it('tries refused records again before later ones of their key', async () => {
    const stream = new FakeStream();
    const { publisher, clock } = publisherTo(stream);
    stream.answer = (batch, call) => batch.map((sent) => call >= 3 || sent.partitionKey !== 'a');
    for (const value of [1, 2, 3]) for (const key of ['a', 'b']) publisher.add(record(key, value));
    await settled();
    await clock.advance(5_000);
    await settled();
    expect(stream.accepted.filter((text) => text.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
    expect(stream.accepted.filter((text) => text.startsWith('b'))).toEqual(['b1', 'b2', 'b3']);
    expect(publisher.published).toBe(6);
    expect(publisher.retries).toBe(3);
  });

  it('keeps trying while the stream fails, with waits that grow to a second, and loses nothing', async () => {
    const stream = new FakeStream();
    const { publisher, clock } = publisherTo(stream);
    let down = true;
    stream.answer = (batch) => (down ? new Error('down') : batch.map(() => true));
    publisher.add(record('a', 1));
    publisher.add(record('b', 1));
    await settled();
    await clock.advance(60_000);
    const attempts = stream.batches.length;
    expect(attempts).toBeGreaterThan(60);
    expect(attempts).toBeLessThan(140);
    expect(publisher.pending).toBe(2);
    down = false;
    await clock.advance(1_000);
    await settled();
    expect(stream.accepted).toEqual(['a1', 'b1']);
  });

  it('sends at most 500 records at a time, and one stream at a time', async () => {
    const stream = new FakeStream();
    const { publisher } = publisherTo(stream);
    for (let value = 0; value < 700; value++) publisher.add(record(`k${value}-`, value));
    publisher.add(record('other', 1, 'second stream'));
    await settled();
    expect(stream.batches.map((batch) => batch.length)).toEqual([500, 200, 1]);
    expect(new Set(stream.accepted).size).toBe(701);
  });

  it('holds records while paused, and sends nothing more once stopped', async () => {
    const stream = new FakeStream();
    const { publisher } = publisherTo(stream);
    publisher.pause();
    publisher.add(record('a', 1));
    await settled();
    expect(publisher.pending).toBe(1);
    publisher.resume();
    await settled();
    expect(stream.accepted).toEqual(['a1']);
    publisher.stop();
    publisher.add(record('a', 2));
    await settled();
    expect(stream.batches).toHaveLength(1);
  });
});
