import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  type ChildShard,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  MergeShardsCommand,
  PutRecordCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DynamoDBLeaseStore, KinesisFanOutReader, KinesisShardReader } from '@tidemark/kinesis';
import { EmbeddedAws, type EmbeddedAwsOptions, kinesisLocal } from '@tidemark/local-stack';
import { SyncWorker } from '@tidemark/pipeline';
import {
  FakeEventSink,
  leaseStoreContract,
  shardReaderContract,
  type StreamUnderTest,
} from '@tidemark/pipeline/testing';
import { decodeRecord, topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';

jest.setTimeout(60_000);

const region = 'us-east-1';
const pageMax = 4;
const hashes = 1n << 128n;
const { signal } = new AbortController();

async function startAws(options: EmbeddedAwsOptions = {}): Promise<EmbeddedAws> {
  const aws = new EmbeddedAws({ regions: [region], ...options });
  await aws.start();
  return aws;
}

describe('DynamoDBLeaseStore on the embedded DynamoDB', () => {
  let aws: EmbeddedAws;
  let tables = 0;
  const stores: DynamoDBLeaseStore[] = [];
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(async () => {
    for (const store of stores) store.close();
    await aws.stop();
  });
  const make = async () => {
    const table = `leases-${(tables += 1)}`;
    const store = new DynamoDBLeaseStore({ table, dynamodb: aws.dynamodbConfig(region), createTable: true });
    stores.push(store);
    return store;
  };
  for (const { name, run } of leaseStoreContract(make)) it(name, run);
});

/** What a test does to the stream of an embedded region. */
class Stream {
  readonly client: KinesisClient;
  readonly reader: KinesisShardReader;
  readonly #name: string;

  constructor(aws: EmbeddedAws, pollIntervalMs: number, pageRecordsMax: number) {
    const { streamArn, streamName } = aws.region(region);
    this.#name = streamName;
    this.client = new KinesisClient(aws.kinesisConfig(region));
    const kinesis = aws.kinesisConfig(region);
    this.reader = new KinesisShardReader({ stream: streamArn, kinesis, pollIntervalMs, pageRecordsMax });
  }

  async put(share: number, text: string): Promise<void> {
    const ExplicitHashKey = ((hashes * BigInt(Math.floor(share * 1_000))) / 1_000n).toString();
    const record = { PartitionKey: text, ExplicitHashKey, Data: Buffer.from(text) };
    await this.client.send(new PutRecordCommand({ StreamName: this.#name, ...record }));
  }

  async split(ShardToSplit: string): Promise<void> {
    const shard = (await this.reader.listShards(signal)).find(({ shardId }) => shardId === ShardToSplit);
    const NewStartingHashKey = ((BigInt(shard?.startHash ?? 0) + BigInt(shard?.endHash ?? 0)) / 2n).toString();
    await this.client.send(new SplitShardCommand({ StreamName: this.#name, ShardToSplit, NewStartingHashKey }));
    await this.#active();
  }

  async merge(ShardToMerge: string, AdjacentShardToMerge: string): Promise<void> {
    await this.client.send(new MergeShardsCommand({ StreamName: this.#name, ShardToMerge, AdjacentShardToMerge }));
    await this.#active();
  }

  /** What the last answer about a closed shard says of its children. */
  async childrenOf(ShardId: string): Promise<readonly ChildShard[]> {
    const start = { StreamName: this.#name, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    let { ShardIterator } = await this.client.send(new GetShardIteratorCommand(start));
    for (let page = 0; page < 100; page += 1) {
      const output = await this.client.send(new GetRecordsCommand({ ShardIterator }));
      if (output.NextShardIterator === undefined) return output.ChildShards ?? [];
      ShardIterator = output.NextShardIterator;
    }
    throw new Error(`${ShardId} does not end`);
  }

  close(): void {
    this.reader.close();
    this.client.destroy();
  }

  async #active(): Promise<void> {
    await eventually('the stream is active', async () => {
      const output = await this.client.send(new DescribeStreamSummaryCommand({ StreamName: this.#name }));
      return output.StreamDescriptionSummary?.StreamStatus === 'ACTIVE';
    });
  }
}

/** Each Kinesis of the embedded AWS, and how hard sync is worked on it; the thread of kinesis-local serves every case, with a stream of its own for each. */
const kinds: readonly [
  kind: string,
  options: EmbeddedAwsOptions,
  pace: { rounds: number; pollIntervalMs: number; isFannedOut?: boolean },
][] = [
  ['kinesalite', {}, { rounds: 40, pollIntervalMs: 20 }],
  ['kinesis-local', { kinesisEndpoint: kinesisLocal() }, { rounds: 20, pollIntervalMs: 60 }],
];

describe.each(kinds)('KinesisShardReader on %s', (_kind, options) => {
  let holder: EmbeddedAws;
  let streams = 0;
  beforeAll(async () => {
    holder = await startAws({ ...options, streamName: 'holder' });
  });
  afterAll(() => holder?.stop());

  const make = async (): Promise<StreamUnderTest> => {
    const aws = await startAws({ ...options, streamName: `stream-${(streams += 1)}` });
    const stream = new Stream(aws, 2, pageMax);
    return {
      reader: stream.reader,
      pageMax,
      put: (share, text) => stream.put(share, text),
      split: (shardId) => stream.split(shardId),
      merge: (left, right) => stream.merge(left, right),
      close: async () => {
        stream.close();
        await aws.stop();
      },
    };
  };
  for (const { name, run } of shardReaderContract(make)) it(name, run);
});

describe('KinesisFanOutReader on kinesis-local', () => {
  const kinesisEndpoint = kinesisLocal();
  let holder: EmbeddedAws;
  let streams = 0;
  beforeAll(async () => {
    holder = await startAws({ kinesisEndpoint, streamName: 'fan-out-holder' });
  });
  afterAll(() => holder?.stop());

  const make = async (): Promise<StreamUnderTest> => {
    const aws = await startAws({ kinesisEndpoint, streamName: `fan-out-${(streams += 1)}` });
    const stream = new Stream(aws, 2, pageMax);
    const reader = fanOutReader(aws);
    return {
      reader,
      pageMax,
      pushed: true,
      put: (share, text) => stream.put(share, text),
      split: (shardId) => stream.split(shardId),
      merge: (left, right) => stream.merge(left, right),
      close: async () => {
        reader.close();
        stream.close();
        await aws.stop();
      },
    };
  };
  for (const { name, run } of shardReaderContract(make)) it(name, run);
});

/** A shard that changes hands stands still until kinesis-local sends its next event: leases must not lapse more often than that on a busy machine. */
const fannedOutFailoverMs = 6_000;

/** kinesis-local sees within a second that a subscriber has gone, and takes the next one then. */
function fanOutReader(aws: EmbeddedAws): KinesisFanOutReader {
  const { streamArn } = aws.region(region);
  const kinesis = aws.kinesisConfig(region);
  return new KinesisFanOutReader({ streamArn, consumerName: 'tidemark', kinesis, subscribeIntervalMs: 1_500 });
}

describe('kinesis-local', () => {
  it('names child shards where a shard ends, after a split and after a merge, as AWS does', async () => {
    const aws = await startAws({ kinesisEndpoint: kinesisLocal() });
    const stream = new Stream(aws, 2, pageMax);
    const shard = (index: number): string => `shardId-00000000000${index}`;
    await stream.split(shard(1));
    await stream.merge(shard(0), shard(2));
    const children = [0, 1, 2].map((index) => stream.childrenOf(shard(index)));
    const merged = [{ ShardId: shard(4), ParentShards: [shard(0), shard(2)] }];
    expect(await Promise.all(children)).toMatchObject([
      merged,
      [
        { ShardId: shard(2), ParentShards: [shard(1)] },
        { ShardId: shard(3), ParentShards: [shard(1)] },
      ],
      merged,
    ]);
    stream.close();
    await aws.stop();
  });
});

const syncKinds: typeof kinds = [
  ...kinds,
  [
    'kinesis-local by fan-out',
    { kinesisEndpoint: kinesisLocal() },
    { rounds: 20, pollIntervalMs: 60, isFannedOut: true },
  ],
];

describe.each(syncKinds)(
  'sync on the embedded AWS, with %s',
  (_kind, options, { rounds, pollIntervalMs, isFannedOut }) => {
    const table = 'permissions';
    const keys = Array.from({ length: 20 }, (_, index) => `k:${index}`);
    let aws: EmbeddedAws;
    let stream: Stream;
    let reader: KinesisShardReader | KinesisFanOutReader;
    let leases: DynamoDBLeaseStore;
    let dynamodb: DynamoDBClient;
    let sink: FakeEventSink;
    const workers: SyncWorker[] = [];
    const falsehoods: string[] = [];
    /** Write ids whose record the stream has accepted, by when that was known. */
    const accepted = new Map<string, number>();
    const produced = new Set<string>();

    beforeAll(async () => {
      aws = await startAws(options);
      await aws.createGlobalTable(table);
      stream = new Stream(aws, pollIntervalMs, 50);
      reader = isFannedOut === true ? fanOutReader(aws) : stream.reader;
      leases = new DynamoDBLeaseStore({ table: 'leases', dynamodb: aws.dynamodbConfig(region), createTable: true });
      dynamodb = new DynamoDBClient(aws.dynamodbConfig(region));
      sink = new FakeEventSink();
      sink.createTopic(topicNames().cdc(table), 4);
      sink.onAppend((_topic, _partition, wire) => {
        const record = decodeRecord(wire);
        if (record.type === 'event') produced.add(record.event.to ?? '');
        if (record.type !== 'control' || record.record.control !== 'watermark') return;
        for (const [id, atMs] of accepted)
          if (atMs < record.record.at && !produced.has(id)) falsehoods.push(`${id} of ${atMs} < ${record.record.at}`);
      });
      for (const workerId of ['a', 'b']) start(workerId);
    });

    afterAll(async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
      reader.close();
      stream.close();
      leases.close();
      dynamodb.destroy();
      await aws.stop();
    });

    function start(workerId: string): void {
      const worker = new SyncWorker({
        reader,
        leases,
        sink,
        region,
        workerId,
        failoverMs: isFannedOut === true ? fannedOutFailoverMs : 1_500,
        renewEveryMs: 100,
        scanEveryMs: 150,
      });
      workers.push(worker);
      worker.start();
    }

    async function write(round: number): Promise<void> {
      const ids = keys.map((key) => `${key}@${round}`);
      await Promise.all(
        keys.map((key, index) => {
          const Item = { key: { S: key }, value: { B: Buffer.from(`v${round}`) }, writeId: { S: ids[index] ?? '' } };
          return dynamodb.send(new PutItemCommand({ TableName: table, Item }));
        }),
      );
      await aws.drained();
      for (const id of ids) accepted.set(id, Date.now());
    }

    const eventsOf = (key: string): readonly string[] =>
      sink
        .decoded(topicNames().cdc(table))
        .flatMap((record) => (record.type === 'event' && record.event.key === key ? [record.event.to ?? ''] : []));

    it('brings every write to its topic in order, through a split, a merge and the death of a worker; no watermark is false', async () => {
      for (let round = 0; round < rounds; round += 1) {
        if (round === rounds * 0.2) await stream.split('shardId-000000000000');
        if (round === rounds * 0.4) await workers.shift()?.kill();
        if (round === rounds * 0.45) start('c');
        if (round === rounds * 0.7) await stream.merge('shardId-000000000002', 'shardId-000000000003');
        await write(round);
      }
      await eventually(
        'every write is in the topic',
        () => [...accepted.keys()].every((id) => produced.has(id)),
        30_000,
      );
      const expected = Array.from({ length: rounds }, (_, round) => round);
      for (const key of keys) expect([...new Set(eventsOf(key))]).toEqual(expected.map((round) => `${key}@${round}`));
      const beganAt = Date.now();
      await eventually(
        'a watermark passes all of it',
        () => workers.some((each) => (each.health().watermark ?? 0) > beganAt),
        20_000,
      );
      expect(falsehoods).toEqual([]);
      await eventually('the closed shards are marked as read to their ends', async () => {
        const rows = new Map((await leases.list(signal)).map((row) => [row.shardId, row.checkpoint]));
        return [0, 2, 3].every((index) => rows.get(`shardId-00000000000${index}`) === 'SHARD_END');
      });
      const reasons = (): readonly unknown[] => workers.map((worker) => worker.health().reason);
      await eventually('both are ready', () => reasons().every((reason) => reason === null), 20_000).catch(
        () => undefined,
      );
      expect(reasons()).toEqual([null, null]);
    }, 120_000);
  },
);
