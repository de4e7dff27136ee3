import {
  DescribeStreamSummaryCommand,
  type KinesisClient,
  ListShardsCommand,
  type Shard as ListedShard,
} from '@aws-sdk/client-kinesis';
import { type Shard, type StreamDescription } from '@tidemark/pipeline';
import { type Clock, TidemarkError } from '@tidemark/runtime';
import { callAws } from './aws-call.js';
import { type StreamName } from './stream-name.js';

export interface KinesisStreamOptions {
  readonly client: KinesisClient;
  readonly stream: StreamName;
  readonly clock: Clock;
  /** Deadline of one call, ms. */
  readonly timeoutMs: number;
}

/** Pages of a listing before it is given up: ten million shards at AWS's page size. */
const listPagesMax = 10_000;

/** What every reader asks of a stream, however it reads its shards. */
export class KinesisStream {
  readonly name: StreamName;
  readonly #client: KinesisClient;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor({ client, stream, clock, timeoutMs }: KinesisStreamOptions) {
    this.name = stream;
    this.#client = client;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Fails as `ShardReader.describe` says. */
  async describe(signal: AbortSignal): Promise<StreamDescription> {
    const { StreamDescriptionSummary: summary } = await this.call('describeStreamSummary', signal, (abortSignal) =>
      this.#client.send(new DescribeStreamSummaryCommand(this.name), { abortSignal }),
    );
    const strategy = summary?.RecordDistributionStrategy;
    if (strategy === 'AUTO') {
      throw new TidemarkError(
        'INVALID_CONFIGURATION',
        `stream ${this.name.StreamName} distributes records AUTO: a key's records are in no order; set USER_PARTITION_KEY`,
        { retriable: false, context: { stream: this.name.StreamName, strategy } },
      );
    }
    const createdAt = summary?.StreamCreationTimestamp?.getTime() ?? 0;
    return {
      streamId: `${this.name.StreamName}:${createdAt}`,
      retentionMs: (summary?.RetentionPeriodHours ?? 24) * 3_600_000,
    };
  }

  async listShards(signal: AbortSignal): Promise<readonly Shard[]> {
    const listed = await this.#list(signal);
    return listed.map((shard) => toShard(shard, listed));
  }

  /** What a complete listing says of a shard. */
  async stateOf(shardId: string, signal: AbortSignal): Promise<'open' | 'closed' | 'gone'> {
    const shard = (await this.#list(signal)).find(({ ShardId }) => ShardId === shardId);
    if (shard === undefined) return 'gone';
    return shard.SequenceNumberRange?.EndingSequenceNumber === undefined ? 'open' : 'closed';
  }

  /** One call to Kinesis, with this stream's deadline and errors. */
  call<T>(operation: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const [clock, timeoutMs] = [this.#clock, this.#timeoutMs];
    const errors = { missing: 'STREAM_MISSING', unavailable: 'STREAM_UNAVAILABLE' } as const;
    return callAws({ clock, timeoutMs, what: `kinesis.${operation}`, signal, ...errors }, work);
  }

  async #list(signal: AbortSignal): Promise<readonly ListedShard[]> {
    const listed: ListedShard[] = [];
    const { StreamARN } = this.name;
    let NextToken: string | undefined;
    for (let page = 0; page < listPagesMax; page += 1) {
      const name =
        NextToken === undefined ? this.name : { NextToken, ...(StreamARN === undefined ? {} : { StreamARN }) };
      const output = await this.call('listShards', signal, (abortSignal) =>
        this.#client.send(new ListShardsCommand(name), { abortSignal }),
      );
      listed.push(...(output.Shards ?? []));
      NextToken = output.NextToken;
      if (NextToken === undefined) return listed;
    }
    throw new TidemarkError('STREAM_UNAVAILABLE', `more than ${listPagesMax} pages of shards`, { retriable: false });
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
