/// <reference types="./kafkajs-internals.d.ts" />
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { runs } from '@tidemark/runtime/testing';
import fc from 'fast-check';
import produce from 'kafkajs/src/protocol/requests/produce/index.js';
import { type Message } from 'kafkajs';
import { produceBody, type ProduceOptions } from './produce-body.js';
import { patchProduce } from './produce-patch.js';

const nowMs = 1_800_000_000_123;
const kafkajsOwn = produce.protocol;

beforeEach(() => void jest.spyOn(Date, 'now').mockReturnValue(nowMs));
afterEach(() => void jest.restoreAllMocks());

function requestOf(messages: Message[], rest: Partial<ProduceOptions> = {}): ProduceOptions {
  const partitions = [{ partition: 7, firstSequence: 0, messages }];
  return { acks: -1, timeout: 10_000, topicData: [{ topic: 'tidemark.cache.users', partitions }], ...rest };
}

async function encodedBy(protocol: typeof kafkajsOwn, options: ProduceOptions, version = 7): Promise<Buffer> {
  return (await protocol({ version })(options).request.encode()).buffer;
}

const part = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);
const messages = fc.array(
  fc.record({
    partition: fc.constant(7),
    key: part,
    value: part,
    headers: fc.option(
      fc.dictionary(
        fc.string({ maxLength: 30 }),
        part.map((bytes) => bytes ?? ''),
      ),
      { nil: undefined },
    ),
  }),
  { minLength: 1, maxLength: 150 },
);

describe('produceBody', () => {
  it('makes the bytes that kafkajs makes', async () => {
    await fc.assert(
      fc.asyncProperty(messages, fc.integer({ min: -1, max: 1 }), async (given, acks) => {
        const options = requestOf(given, { acks });
        expect(produceBody(options, nowMs)?.equals(await encodedBy(kafkajsOwn, options))).toBe(true);
      }),
      runs(100),
    );
  });

  it('makes them of several topics and partitions too, and of long records', async () => {
    const long = {
      key: 'ü'.repeat(100),
      value: Buffer.alloc(300_000, 7),
      headers: { tm: 'h'.repeat(1_000), src: '12' },
    };
    const partitions = [0, 1].map((partition) => ({ partition, messages: [long, { value: null }] as Message[] }));
    const options = requestOf([], { topicData: ['a', 'b'].map((topic) => ({ topic, partitions })) });
    expect(produceBody(options, nowMs)?.equals(await encodedBy(kafkajsOwn, options))).toBe(true);
  });

  it('leaves to kafkajs what Tidemark never sends', () => {
    const plain: Message = { value: 'v' };
    const others = [
      requestOf([plain], { compression: 1 }),
      requestOf([plain], { transactionalId: 't' }),
      requestOf([plain], { producerId: 5 }),
      requestOf([plain], { producerEpoch: 1 }),
      requestOf([], {
        topicData: [{ topic: 't', partitions: [{ partition: 0, firstSequence: 1, messages: [plain] }] }],
      }),
      requestOf([{ ...plain, timestamp: '5' }]),
      requestOf([{ ...plain, headers: { tm: ['a', 'b'] } }]),
      requestOf([{ ...plain, headers: { tm: null } as never }]),
    ];
    for (const options of others) expect(produceBody(options, nowMs)).toBeUndefined();
    expect(produceBody(requestOf([plain]), nowMs)).toBeDefined();
  });
});

describe('patchProduce', () => {
  it('changes no byte, of any version and of any request', async () => {
    patchProduce();
    patchProduce();
    const plain: Message = { key: 'k', value: 'v', headers: { tm: 'h' } };
    const listed: Message = { value: 'v', headers: { tm: ['a', 'b'] } };
    for (const version of [2, 3, 5, 7])
      for (const message of [plain, listed]) {
        const options = requestOf([message]);
        const own = await encodedBy(kafkajsOwn, options, version);
        expect((await encodedBy(produce.protocol, options, version)).equals(own)).toBe(true);
      }
  });
});
