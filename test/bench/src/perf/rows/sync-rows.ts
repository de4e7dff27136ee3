import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { createKafkaClient, KafkaProducer } from '@tidemark/kafka';
import { DynamoDBLeaseStore, KinesisShardReader } from '@tidemark/kinesis';
import { type EventSink, SyncWorker } from '@tidemark/pipeline';
import { topicNames } from '@tidemark/protocol';
import { type Message, type Producer } from 'kafkajs';
import { overriding } from '../../races/libraries/overriding.js';
import { kafkaAt } from '../broker.js';
import { Meter } from '../meter.js';
import { type BenchRow, type Plan } from '../row.js';
import { type StreamAddresses, withStream } from '../stream.js';
import { changedTable, leaseTable, shardId, stream, type StreamPlan, streamRegion } from '../stream-server.js';

const names = topicNames('bench');
const topic = names.cdc(changedTable);
const partitions = 4;
/** Sync's defaults. */
const pageRecords = 1_000;
const checkpointEveryMs = 500;
const sendBytesMax = 900_000;

/** What sync costs where nothing goes wrong. */
export const syncRows: readonly BenchRow[] = [
  besideBareLoop('sync-vs-bare-loop', '200 bytes', 200),
  besideBareLoop('sync-vs-bare-loop-1kb', '1 KB', 1_000),
  besideBareLoop('sync-vs-bare-loop-16kib', '16 KiB', 16_384),
  besideBareLoop('sync-vs-bare-loop-256kib', '256 KiB', 262_144),
  {
    name: 'sync-rate',
    what: 'changes with values of 200 bytes from a page of Kinesis to the acknowledgement of Kafka, one shard',
    goal: { compared: 'figure', rule: 'at least', bound: 25_000 },
    unit: 'events per CPU-second',
    lowerIsBetter: false,
    tidemark: (plan) => syncRate(plan, 1, 200),
  },
];

/** Events for each CPU-second. */
export function syncRate(plan: Plan, shards: number, valueBytes: number): Promise<number> {
  return throughSync(workloadOf(plan, shards, valueBytes));
}

/** Likewise. */
export function bareLoopRate(plan: Plan, shards: number, valueBytes: number): Promise<number> {
  return throughBareLoop(workloadOf(plan, shards, valueBytes));
}

function besideBareLoop(name: string, size: string, valueBytes: number): BenchRow {
  return {
    name,
    what: `changes with values of ${size} from a page of Kinesis to the acknowledgement of Kafka, beside a loop of the same calls`,
    goal: { compared: 'ratio', rule: 'at least', bound: 0.8 },
    unit: 'events per CPU-second',
    lowerIsBetter: false,
    tidemark: (plan) => syncRate(plan, 1, valueBytes),
    rival: {
      name: 'the SDK and kafkajs',
      settings:
        '`GetRecords` of 1,000 records over HTTP/1.1, `JSON.parse` of each, `producer.send` of the page with the key, the new value and one header made of the write ids and the stamp, `acks: -1`, `UpdateItem` every 500 ms; one page after another',
      measure: (plan) => bareLoopRate(plan, 1, valueBytes),
    },
    note: 'Stream, DynamoDB and broker run in a process of their own and are not in the figure, which is the CPU of all threads once a third of the changes is through. The stream is a server that answers as Kinesis does, without its limit of five reads a second. Tidemark encodes its produce requests itself (decision 13) and leaves out the step in which the SDK copies each answer for a logger; beside a loop that is given the same encoding the ratio is about 0.95.',
    whyBehind:
      'each record is checked attribute by attribute in both images, its event says expiry, codec, region and place in the shard too, and the shard is leased, watched and told of by watermarks meanwhile',
  };
}

interface Workload {
  readonly plan: StreamPlan;
  readonly meter: Meter;
}

/** A third is for warming up. */
function workloadOf({ quick }: Plan, shards: number, valueBytes: number): Workload {
  const total = Math.ceil((quick ? 30_000 : 90_000) / Math.max(1, valueBytes / 1_000));
  const recordsAShard = Math.ceil(total / shards);
  return { plan: { shards, recordsAShard, valueBytes }, meter: new Meter(recordsAShard * shards, total / 3) };
}

function throughSync({ plan, meter }: Workload): Promise<number> {
  return withStream(plan, async (at) => {
    await makeTopic(at);
    const producer = new KafkaProducer({ client: createKafkaClient({ brokers: [at.kafka] }), names });
    const sink = overriding<EventSink>(producer, {
      async send(to, records, signal) {
        meter.sending();
        await producer.send(to, records, signal);
        meter.acknowledged(records.filter(({ record }) => record.key !== null).length);
      },
    });
    const reader = new KinesisShardReader({ stream, kinesis: awsAt(at.kinesisEndpoint), pollIntervalMs: 1 });
    const leases = new DynamoDBLeaseStore({ table: leaseTable, dynamodb: awsAt(at.dynamodbEndpoint) });
    new SyncWorker({ reader, leases, sink, region: streamRegion, topicPrefix: names.prefix }).start();
    return meter.done;
  });
}

function throughBareLoop({ plan, meter }: Workload): Promise<number> {
  return withStream(plan, async (at) => {
    await makeTopic(at);
    const producer = kafkaAt(at.kafka).producer();
    await producer.connect();
    const requestHandler = new NodeHttpHandler({ httpAgent: { maxSockets: 200 } });
    const kinesis = new KinesisClient({ ...awsAt(at.kinesisEndpoint), requestHandler });
    const dynamodb = new DynamoDBClient(awsAt(at.dynamodbEndpoint));
    const loops = Array.from({ length: plan.shards }, (_, shard) =>
      readShard(shardId(shard), plan, { kinesis, dynamodb, producer, meter }),
    );
    await Promise.all(loops);
    return meter.done;
  });
}

interface BareLoop {
  readonly kinesis: KinesisClient;
  readonly dynamodb: DynamoDBClient;
  readonly producer: Producer;
  readonly meter: Meter;
}

async function readShard(
  ShardId: string,
  plan: StreamPlan,
  { kinesis, dynamodb, producer, meter }: BareLoop,
): Promise<void> {
  const from = { StreamName: stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
  let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(from));
  let writtenAtMs = performance.now();
  for (let read = 0; read < plan.recordsAShard;) {
    const { Records = [], NextShardIterator } = await kinesis.send(
      new GetRecordsCommand({ ShardIterator, Limit: pageRecords }),
    );
    for (const messages of sendsOf(Records.map(({ Data }) => messageOf(Data ?? new Uint8Array())))) {
      meter.sending();
      await producer.send({ topic, acks: -1, messages });
      meter.acknowledged(messages.length);
    }
    read += Records.length;
    ShardIterator = NextShardIterator;
    if (performance.now() - writtenAtMs < checkpointEveryMs) continue;
    writtenAtMs = performance.now();
    await dynamodb.send(
      new UpdateItemCommand({
        TableName: leaseTable,
        Key: { leaseKey: { S: ShardId } },
        UpdateExpression: 'SET checkpoint = :checkpoint ADD leaseCounter :one',
        ExpressionAttributeValues: { ':checkpoint': { S: Records.at(-1)?.SequenceNumber ?? '' }, ':one': { N: '1' } },
      }),
    );
  }
}

interface ChangeRecord {
  readonly dynamodb: {
    readonly ApproximateCreationDateTime: number;
    readonly Keys: { readonly key: { readonly S: string } };
    readonly OldImage?: Image;
    readonly NewImage?: Image;
  };
}

interface Image {
  readonly value: { readonly S: string };
  readonly writeId: { readonly S: string };
}

function messageOf(data: Uint8Array): Message {
  const { dynamodb } = JSON.parse(
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString(),
  ) as ChangeRecord;
  const { Keys, OldImage, NewImage, ApproximateCreationDateTime: stamp } = dynamodb;
  const change = `${OldImage?.writeId.S ?? '-'};${NewImage?.writeId.S ?? '-'};${stamp}`;
  return { key: Keys.key.S, value: NewImage?.value.S ?? null, headers: { change } };
}

/** The page, in as few sends as the broker's limit on a batch allows. */
function sendsOf(messages: readonly Message[]): Message[][] {
  const sends: Message[][] = [];
  let bytes = Infinity;
  for (const message of messages) {
    const size = message.value?.length ?? 0;
    if (bytes + size > sendBytesMax) {
      sends.push([]);
      bytes = 0;
    }
    sends.at(-1)?.push(message);
    bytes += size;
  }
  return sends;
}

async function makeTopic({ kafka }: StreamAddresses): Promise<void> {
  const admin = kafkaAt(kafka).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] });
  await admin.disconnect();
}

function awsAt(endpoint: string): {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
} {
  return { endpoint, region: streamRegion, credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' } };
}
