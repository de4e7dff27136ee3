import { KinesisClient } from '@aws-sdk/client-kinesis';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { FanOutConsumer } from './fan-out-consumer.js';
import { KinesisStream } from './kinesis-stream.js';

const { signal } = new AbortController();
const streamArn = 'arn:aws:kinesis:us-east-1:000000000000:stream/stream';
const consumerArn = `${streamArn}/consumer/tidemark:1`;

describe('FanOutConsumer', () => {
  const clock = new ManualClock();
  let client: KinesisClient;
  /** What is called, and how each call is answered: the status of the consumer, or an error. */
  let calls: string[];
  let describes: string[];
  let registers: string[];

  beforeEach(() => {
    [calls, describes, registers] = [[], [], []];
    client = new KinesisClient({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 's' } });
    client.middlewareStack.add(
      (_next, context) => () => {
        const what = String(context.commandName).replace(/StreamConsumerCommand$/, '');
        calls.push(what);
        const answer = (what === 'Describe' ? describes : registers).shift() ?? 'ACTIVE';
        if (answer.endsWith('Exception'))
          return Promise.reject(Object.assign(new Error('said by the test'), { name: answer }));
        const consumer = { ConsumerARN: consumerArn, ConsumerStatus: answer };
        return Promise.resolve({ output: { ConsumerDescription: consumer, $metadata: {} } as never, response: {} });
      },
      { step: 'initialize', priority: 'high' },
    );
  });
  afterEach(() => client.destroy());

  const make = (): FanOutConsumer => {
    const name = { StreamName: 'stream', StreamARN: streamArn };
    const stream = new KinesisStream({ client, stream: name, clock, timeoutMs: 10_000 });
    return new FanOutConsumer({ client, stream, streamArn, name: 'tidemark', clock, activeWithinMs: 60_000 });
  };

  it('finds the consumer that is there, and asks no more', async () => {
    const consumer = make();
    expect(await consumer.arn(signal)).toBe(consumerArn);
    expect(await consumer.arn(signal)).toBe(consumerArn);
    expect(calls).toEqual(['Describe']);
    consumer.forget();
    await consumer.arn(signal);
    expect(calls).toEqual(['Describe', 'Describe']);
  });

  it('registers one where there is none, and looks each second whether it is active', async () => {
    describes = ['ResourceNotFoundException', 'CREATING', 'ACTIVE'];
    const arn = make().arn(signal);
    await clock.advance(1_000);
    await clock.advance(1_000);
    expect(await arn).toBe(consumerArn);
    expect(calls).toEqual(['Describe', 'Register', 'Describe', 'Describe']);
  });

  it('registers one once, whoever asks', async () => {
    describes = ['ResourceNotFoundException'];
    const consumer = make();
    const arns = [consumer.arn(signal), consumer.arn(signal)];
    await clock.advance(1_000);
    expect(await Promise.all(arns)).toEqual([consumerArn, consumerArn]);
    expect(calls.filter((call) => call === 'Register')).toHaveLength(1);
  });

  it('uses the one that another worker is registering', async () => {
    describes = ['ResourceNotFoundException'];
    registers = ['ResourceInUseException'];
    const arn = make().arn(signal);
    await clock.advance(1_000);
    expect(await arn).toBe(consumerArn);
  });

  it.each<[string, string, object]>([
    ['a stream that has no room for it', 'LimitExceededException', { code: 'CONSUMER_LIMIT', retriable: true }],
    ['a role that may not register it', 'AccessDeniedException', { code: 'ACCESS_DENIED', retriable: false }],
  ])('tells %s by its code', async (_, error, expected) => {
    describes = ['ResourceNotFoundException'];
    registers = [error];
    await expect(make().arn(signal)).rejects.toMatchObject(expected);
  });

  it('tells a role that may not look for it by its code, and registers nothing', async () => {
    describes = ['AccessDeniedException'];
    await expect(make().arn(signal)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    expect(calls).toEqual(['Describe']);
  });

  it('is given up after a minute, and found by the next who asks', async () => {
    describes = Array.from({ length: 61 }, () => 'CREATING');
    const consumer = make();
    const failed = expect(consumer.arn(signal)).rejects.toMatchObject({ code: 'TIMEOUT', retriable: true });
    for (let second = 0; second < 60; second += 1) await clock.advance(1_000);
    await failed;
    describes = [];
    expect(await consumer.arn(signal)).toBe(consumerArn);
  });

  it('goes on for the others when one who waits gives up', async () => {
    describes = ['CREATING'];
    const consumer = make();
    const aborter = new AbortController();
    const failed = expect(consumer.arn(aborter.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    const other = consumer.arn(signal);
    await settle();
    aborter.abort();
    await failed;
    await clock.advance(1_000);
    expect(await other).toBe(consumerArn);
  });

  it('ends with its reader', async () => {
    describes = ['CREATING'];
    const consumer = make();
    const failed = expect(consumer.arn(signal)).rejects.toMatchObject({ code: 'ABORTED' });
    await settle();
    consumer.close();
    await failed;
  });
});
