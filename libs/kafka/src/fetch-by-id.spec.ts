/// <reference types="./kafkajs-internals.d.ts" />
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type FetchOptions } from 'kafkajs/src/broker/index.js';
import fetch from 'kafkajs/src/protocol/requests/fetch/index.js';
import { patchFetch } from './fetch-patch.js';
import { type FetchPlace } from './fetch-places.js';
import { FlexibleReader, FlexibleWriter } from './flexible-wire.js';

const [first, second] = ['1'.repeat(32), '2'.repeat(32)];

const asking = (...places: readonly FetchPlace[]): FetchOptions => ({
  ...{ maxWaitTime: 10, minBytes: 1, maxBytes: 1_000, rackId: '' },
  topics: [
    {
      topic: 't',
      partitions: places.map((place, partition) => ({ partition, fetchOffset: '500', maxBytes: 100, place })),
    },
  ],
});

/** A batch that is cut off before its first record. */
const shell = [...Array<number>(16).fill(0), 2, 0, 0, 0];

interface Sent {
  readonly id: string | undefined;
  readonly partitions: readonly { readonly partition: number; readonly offset: bigint; readonly epoch: number }[];
}

async function sent(options: FetchOptions): Promise<readonly Sent[]> {
  const request = fetch.protocol({ version: 13 })(options).request as { encode(): Promise<{ buffer: Buffer }> };
  const { buffer } = await request.encode();
  const reader = new FlexibleReader(buffer);
  for (let field = 0; field < 4; field += 1) reader.int32();
  reader.int8();
  reader.int32();
  reader.int32();
  return reader.array(() => {
    const id = reader.uuid();
    const partitions = reader.array(() => {
      const partition = reader.int32();
      reader.int32();
      const [offset, epoch] = [reader.int64(), reader.int32()];
      reader.int64();
      reader.int32();
      reader.tags();
      return { partition, offset, epoch };
    });
    reader.tags();
    return { id, partitions };
  });
}

/** The same error for each partition of the topics of these ids. */
async function answered(
  options: FetchOptions,
  errors: ReadonlyMap<string, number>,
  { stableEnd = -1n, follower = -1, bytes = [] as readonly number[] } = {},
) {
  const writer = new FlexibleWriter();
  writer.int32(0).int8(0).int8(0).int32(0);
  writer.array([...errors], ([id, error]) => {
    writer.uuid(id);
    const own = options.topics[0]?.partitions.filter(({ place }) => place?.topicId === id) ?? [];
    writer.array(own, ({ partition }) => {
      writer.int32(partition).int8(0).int8(error).int64(-1n).int64(stableEnd).int64(-1n);
      writer.array([], () => undefined);
      writer
        .int32(follower)
        .array(partition === 0 ? bytes : [], (byte) => writer.int8(byte))
        .noTags();
    });
    writer.noTags();
  });
  writer.noTags();
  const { response } = fetch.protocol({ version: 13 })(options);
  return response.decode(writer.written) as unknown as Promise<{
    readonly responses: readonly {
      readonly topicName: string;
      readonly partitions: readonly { errorCode: number }[];
    }[];
    readonly refused: readonly object[];
    readonly nothing: readonly object[];
    readonly empty: readonly { readonly partition: number }[];
  }>;
}

describe('a fetch by the ids of topics', () => {
  beforeAll(() => patchFetch());

  it('asks for each partition by the id of its own log, where those of one name are of several', async () => {
    const options = asking({ topicId: second, leaderEpoch: 0 }, { topicId: first, leaderEpoch: 3 });
    expect(await sent(options)).toEqual([
      { id: second, partitions: [{ partition: 0, offset: 500n, epoch: 0 }] },
      { id: first, partitions: [{ partition: 1, offset: 500n, epoch: 3 }] },
    ]);
    const { refused } = await answered(
      options,
      new Map([
        [first, 100],
        [second, 0],
      ]),
    );
    expect(refused).toEqual([{ topic: 't', partition: 1, why: 'not-given' }]);
  });

  it('believes that an offset is out of range only where it was asked for without an epoch, which a follower may not have heard of', async () => {
    const options = asking({ topicId: first, leaderEpoch: 7 });
    const outOfRange = new Map([[first, 1]]);
    const errors = async () => (await answered(options, outOfRange)).responses[0]?.partitions[0]?.errorCode;
    expect((await sent(options))[0]?.partitions[0]?.epoch).toBe(7);
    expect(await errors()).toBeUndefined();
    expect((await sent(options))[0]?.partitions[0]?.epoch).toBe(-1);
    expect(await errors()).toBe(1);
  });

  it('gives up no answer over a topic that it may not read any more, which is to be looked up', async () => {
    const options = asking({ topicId: first, leaderEpoch: 0 }, { topicId: second, leaderEpoch: 0 });
    const { responses, refused } = await answered(
      options,
      new Map([
        [first, 29],
        [second, 0],
      ]),
    );
    expect(refused).toEqual([{ topic: 't', partition: 0, why: 'not-given' }]);
    expect(responses.flatMap(({ partitions }) => partitions)).toMatchObject([{ partition: 1, errorCode: 0 }]);
  });

  it.each([
    ['there is more behind it', { stableEnd: 501n }, [{ topic: 't', partition: 0, offset: 500n }]],
    ['it is the end', { stableEnd: 500n }, []],
    ['a follower is named, which has it', { stableEnd: 501n, follower: 2 }, []],
  ])('says that there is nothing at an offset where no record came: %s', async (_what, of, expected) => {
    const options = asking({ topicId: first, leaderEpoch: 7 });
    expect((await answered(options, new Map([[first, 0]]), of)).nothing).toEqual(expected);
    expect((await answered(options, new Map([[first, 29]]), of)).nothing).toEqual([]);
  });

  it.each<[string, object, readonly number[]]>([
    ['the answer brought nothing of any', {}, [0, 1]],
    ['a batch of its own lost its records, beside which another’s may have been left out', { bytes: shell }, [0]],
    ['a follower is named, which may have some', { follower: 2 }, []],
  ])('says which partitions were read without a record: %s', async (_what, of, expected) => {
    const options = asking({ topicId: first, leaderEpoch: 7 }, { topicId: first, leaderEpoch: 7 });
    const { empty } = await answered(options, new Map([[first, 0]]), of);
    expect(empty.map(({ partition }) => partition)).toEqual(expected);
    expect((await answered(options, new Map([[first, 56]]), of)).empty).toEqual([]);
  });
});
