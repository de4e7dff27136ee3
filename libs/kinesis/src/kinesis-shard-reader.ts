import {
  GetRecordsCommand,
  type GetRecordsOutput,
  GetShardIteratorCommand,
  KinesisClient,
  type KinesisClientConfig,
} from '@aws-sdk/client-kinesis';
import {
  type Shard,
  type ShardCursor,
  type ShardPosition,
  type ShardReader,
  type StreamDescription,
} from '@tidemark/pipeline';
import { type Clock, systemClock, TidemarkError } from '@tidemark/runtime';
import { checkRange } from './check-range.js';
import { makeKinesisClient } from './kinesis-client.js';
import { KinesisStream } from './kinesis-stream.js';
import { ReadPace } from './read-pace.js';
import { PolledShard } from './polled-shard.js';
import { parseStreamName } from './stream-name.js';
import { ShardPaces } from './shard-paces.js';

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

/** Reads a Kinesis stream by polling. */
export class KinesisShardReader implements ShardReader {
  readonly #client: KinesisClient;
  readonly #ownsClient: boolean;
  readonly #stream: KinesisStream;
  readonly #pageRecordsMax: number;
  readonly #clock: Clock;
  readonly #paces: ShardPaces<ReadPace>;

  /** Throws `INVALID_OPTIONS`. */
  constructor(options: KinesisShardReaderOptions) {
    const { stream, kinesis, pollIntervalMs = 200, pageRecordsMax = 1_000, timeoutMs = 10_000 } = options;
    checkRange('pollIntervalMs', pollIntervalMs, 1, 60_000);
    checkRange('pageRecordsMax', pageRecordsMax, 1, 10_000);
    checkRange('timeoutMs', timeoutMs, 1, 300_000);
    this.#ownsClient = !(kinesis instanceof KinesisClient);
    this.#client = kinesis instanceof KinesisClient ? kinesis : makeKinesisClient(kinesis);
    this.#pageRecordsMax = pageRecordsMax;
    this.#clock = options.clock ?? systemClock;
    this.#paces = new ShardPaces(() => new ReadPace(this.#clock, pollIntervalMs));
    const [client, clock] = [this.#client, this.#clock];
    this.#stream = new KinesisStream({ client, clock, timeoutMs, stream: parseStreamName(stream) });
  }

  describe(signal: AbortSignal): Promise<StreamDescription> {
    return this.#stream.describe(signal);
  }

  listShards(signal: AbortSignal): Promise<readonly Shard[]> {
    return this.#stream.listShards(signal);
  }

  open(shardId: string, position: ShardPosition): ShardCursor {
    return new PolledShard({
      shardId,
      position,
      pace: this.#paces.of(shardId),
      clock: this.#clock,
      pageRecordsMax: this.#pageRecordsMax,
      iteratorAt: (at, signal) => this.#iteratorAt(shardId, at, signal),
      getRecords: (iterator, limit, signal) => this.#getRecords(iterator, limit, signal),
      isGone: async (signal) => (await this.#stream.stateOf(shardId, signal)) === 'gone',
    });
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
    const { ShardIterator } = await this.#stream.call('getShardIterator', signal, (abortSignal) =>
      this.#client.send(new GetShardIteratorCommand({ ...this.#stream.name, ShardId: shardId, ...at }), {
        abortSignal,
      }),
    );
    if (ShardIterator !== undefined) return ShardIterator;
    throw new TidemarkError('STREAM_UNAVAILABLE', `no iterator for ${shardId}`, { retriable: true });
  }

  #getRecords(ShardIterator: string, Limit: number, signal: AbortSignal): Promise<GetRecordsOutput> {
    const { StreamARN } = this.#stream.name;
    const input = { ShardIterator, Limit, ...(StreamARN === undefined ? {} : { StreamARN }) };
    return this.#stream.call('getRecords', signal, (abortSignal) =>
      this.#client.send(new GetRecordsCommand(input), { abortSignal }),
    );
  }
}
