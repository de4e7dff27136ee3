import {
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  type GetRecordsOutput,
  GetShardIteratorCommand,
  KinesisClient,
  type KinesisClientConfig,
  ListShardsCommand,
  type Shard as ListedShard,
} from '@aws-sdk/client-kinesis';
import {
  type Shard,
  type ShardCursor,
  type ShardPosition,
  type ShardReader,
  type StreamDescription,
} from '@tidemark/pipeline';
import { type Clock, systemClock, TidemarkError } from '@tidemark/runtime';
import { callAws } from './aws-call.js';
import { makeKinesisClient } from './kinesis-client.js';
import { ReadPace } from './read-pace.js';
import { PolledShard } from './polled-shard.js';
import { parseStreamName, type StreamName } from './stream-name.js';

export interface KinesisShardReaderOptions {
  /** Name or ARN of the stream; the ARN where the stream is another account's. */
  readonly stream: string;
  /** How to reach Kinesis, or a client. A client made here speaks HTTP/1.1 and makes one attempt a call. */
  readonly kinesis: KinesisClientConfig | KinesisClient;
  /** Time between two reads of a shard at its tip, ms; a shard allows five reads a second to all of its consumers together. Below 200, for emulators, that limit is not kept. Default 200. */
  readonly pollIntervalMs?: number;
  /** Most records of a page, 1–10,000; fewer are asked for where they are so large that they would take more than 2 MiB. Default 1,000. */
  readonly pageRecordsMax?: number;
  /** Deadline of one call, ms. Default 10,000. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** Pages of a listing before it is given up: ten million shards at AWS's page size. */
const listPagesMax = 10_000;
/** Shards whose pace is remembered. */
const pacesMax = 1_000;

/** Reads a Kinesis stream by polling. */
export class KinesisShardReader implements ShardReader {
  readonly #client: KinesisClient;
  readonly #ownsClient: boolean;
  readonly #stream: StreamName;
  readonly #pollIntervalMs: number;
  readonly #pageRecordsMax: number;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #paces = new Map<string, ReadPace>();

  /** Throws `INVALID_OPTIONS`. */
  constructor(options: KinesisShardReaderOptions) {
    const { stream, kinesis, pollIntervalMs = 200, pageRecordsMax = 1_000, timeoutMs = 10_000 } = options;
    checkRange('pollIntervalMs', pollIntervalMs, 1, 60_000);
    checkRange('pageRecordsMax', pageRecordsMax, 1, 10_000);
    checkRange('timeoutMs', timeoutMs, 1, 300_000);
    this.#ownsClient = !(kinesis instanceof KinesisClient);
    this.#client = kinesis instanceof KinesisClient ? kinesis : makeKinesisClient(kinesis);
    this.#stream = parseStreamName(stream);
    this.#pollIntervalMs = pollIntervalMs;
    this.#pageRecordsMax = pageRecordsMax;
    this.#timeoutMs = timeoutMs;
    this.#clock = options.clock ?? systemClock;
  }

  async describe(signal: AbortSignal): Promise<StreamDescription> {
    const { StreamDescriptionSummary: summary } = await this.#call('describeStreamSummary', signal, (abortSignal) =>
      this.#client.send(new DescribeStreamSummaryCommand(this.#stream), { abortSignal }),
    );
    const strategy = summary?.RecordDistributionStrategy;
    if (strategy === 'AUTO') {
      throw new TidemarkError(
        'INVALID_CONFIGURATION',
        `stream ${this.#stream.StreamName} distributes records AUTO: a key's records are in no order; set USER_PARTITION_KEY`,
        { retriable: false, context: { stream: this.#stream.StreamName, strategy } },
      );
    }
    const createdAt = summary?.StreamCreationTimestamp?.getTime() ?? 0;
    return {
      streamId: `${this.#stream.StreamName}:${createdAt}`,
      retentionMs: (summary?.RetentionPeriodHours ?? 24) * 3_600_000,
    };
  }

  async listShards(signal: AbortSignal): Promise<readonly Shard[]> {
    const listed: ListedShard[] = [];
    const { StreamARN } = this.#stream;
    let NextToken: string | undefined;
    for (let page = 0; page < listPagesMax; page += 1) {
      const name =
        NextToken === undefined ? this.#stream : { NextToken, ...(StreamARN === undefined ? {} : { StreamARN }) };
      const output = await this.#call('listShards', signal, (abortSignal) =>
        this.#client.send(new ListShardsCommand(name), { abortSignal }),
      );
      listed.push(...(output.Shards ?? []));
      NextToken = output.NextToken;
      if (NextToken === undefined) return listed.map((shard) => toShard(shard, listed));
    }
    throw new TidemarkError('STREAM_UNAVAILABLE', `more than ${listPagesMax} pages of shards`, { retriable: false });
  }

  open(shardId: string, position: ShardPosition): ShardCursor {
    return new PolledShard({
      shardId,
      position,
      pace: this.#paceOf(shardId),
      clock: this.#clock,
      pageRecordsMax: this.#pageRecordsMax,
      iteratorAt: (at, signal) => this.#iteratorAt(shardId, at, signal),
      getRecords: (iterator, limit, signal) => this.#getRecords(iterator, limit, signal),
      isGone: async (signal) => !(await this.listShards(signal)).some((shard) => shard.shardId === shardId),
    });
  }

  /** A shard that is opened again goes on at its pace: its limits are the shard's, not the cursor's. */
  #paceOf(shardId: string): ReadPace {
    const pace = this.#paces.get(shardId) ?? new ReadPace(this.#clock, this.#pollIntervalMs);
    this.#paces.delete(shardId);
    this.#paces.set(shardId, pace);
    for (const [oldest] of this.#paces) if (this.#paces.size > pacesMax) this.#paces.delete(oldest);
    return pace;
  }

  /** Closes the connections of a client that was made here. */
  close(): void {
    if (this.#ownsClient) this.#client.destroy();
  }

  async #iteratorAt(shardId: string, position: ShardPosition, signal: AbortSignal): Promise<string> {
    const at =
      position.type === 'trim-horizon'
        ? ({ ShardIteratorType: 'TRIM_HORIZON' } as const)
        : ({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: position.sequenceNumber } as const);
    const { ShardIterator } = await this.#call('getShardIterator', signal, (abortSignal) =>
      this.#client.send(new GetShardIteratorCommand({ ...this.#stream, ShardId: shardId, ...at }), { abortSignal }),
    );
    if (ShardIterator !== undefined) return ShardIterator;
    throw new TidemarkError('STREAM_UNAVAILABLE', `no iterator for ${shardId}`, { retriable: true });
  }

  #getRecords(ShardIterator: string, Limit: number, signal: AbortSignal): Promise<GetRecordsOutput> {
    const { StreamARN } = this.#stream;
    const input = { ShardIterator, Limit, ...(StreamARN === undefined ? {} : { StreamARN }) };
    return this.#call('getRecords', signal, (abortSignal) =>
      this.#client.send(new GetRecordsCommand(input), { abortSignal }),
    );
  }

  #call<T>(operation: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const [clock, timeoutMs] = [this.#clock, this.#timeoutMs];
    const errors = { missing: 'STREAM_MISSING', unavailable: 'STREAM_UNAVAILABLE' } as const;
    return callAws({ clock, timeoutMs, what: `kinesis.${operation}`, signal, ...errors }, work);
  }
}

function toShard(shard: ListedShard, listed: readonly ListedShard[]): Shard {
  const parents = [shard.ParentShardId, shard.AdjacentParentShardId].filter(
    (parent) => parent !== undefined && listed.some(({ ShardId }) => ShardId === parent),
  );
  return {
    shardId: shard.ShardId ?? '',
    parents: parents as string[],
    startHash: shard.HashKeyRange?.StartingHashKey ?? '0',
    endHash: shard.HashKeyRange?.EndingHashKey ?? '0',
  };
}

function checkRange(option: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  throw new TidemarkError('INVALID_OPTIONS', `${option}: expected a number from ${min} to ${max}, got ${value}`, {
    retriable: false,
    context: { option, min, max, got: value },
  });
}
