import { KinesisClient, type KinesisClientConfig, type StartingPosition } from '@aws-sdk/client-kinesis';
import {
  type Shard,
  type ShardCursor,
  type ShardPosition,
  type ShardReader,
  type StreamDescription,
} from '@tidemark/pipeline';
import { type Clock, systemClock, TidemarkError } from '@tidemark/runtime';
import { awsErrorName } from './aws-call.js';
import { checkRange } from './check-range.js';
import { FanOutConsumer } from './fan-out-consumer.js';
import { FanOutShard } from './fan-out-shard.js';
import { makeKinesisClient, makeSubscribingClient } from './kinesis-client.js';
import { KinesisStream } from './kinesis-stream.js';
import { type ShardSubscription, subscribeToShard } from './shard-subscription.js';
import { parseStreamName } from './stream-name.js';
import { SubscribePace } from './subscribe-pace.js';
import { ShardPaces } from './shard-paces.js';

export interface KinesisFanOutReaderOptions {
  /** ARN of the stream. */
  readonly streamArn: string;
  /** The consumer, registered where the stream has none of that name; all workers of a stream share it. */
  readonly consumerName: string;
  /** How to reach Kinesis, or a client for all but the subscriptions. A client made here speaks HTTP/1.1 and makes one attempt a call. */
  readonly kinesis: KinesisClientConfig | KinesisClient;
  /** The client for subscriptions. Default: one made as `kinesis` says, which speaks HTTP/2, or HTTP/1.1 with an endpoint of `http:`; required where `kinesis` is a client. */
  readonly subscribing?: KinesisClient;
  /** Time between two subscriptions to a shard, ms. Below 5,000, for emulators, AWS's limit is not kept. Default 5,000. */
  readonly subscribeIntervalMs?: number;
  /** How long the consumer may take to become active, ms. Default 60,000. */
  readonly activeWithinMs?: number;
  /** A subscription that says nothing for so long is given up, ms. Default 35,000. */
  readonly silenceMaxMs?: number;
  /** A connection that answers no ping for so long is given up, ms; over HTTP/1.1, which has none, only silence tells. Default 10,000. */
  readonly unansweredMaxMs?: number;
  /** Deadline of one call, ms. Default 10,000. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** Reads a Kinesis stream by enhanced fan-out: Kinesis pushes, at a rate that this consumer has for itself. */
export class KinesisFanOutReader implements ShardReader {
  readonly #subscribing: KinesisClient;
  readonly #owned: readonly KinesisClient[];
  readonly #stream: KinesisStream;
  readonly #consumer: FanOutConsumer;
  readonly #clock: Clock;
  readonly #silenceMaxMs: number;
  readonly #unansweredMaxMs: number;
  readonly #paces: ShardPaces<SubscribePace>;
  readonly #open = new Set<ShardSubscription>();

  /** Throws `INVALID_OPTIONS`. */
  constructor(options: KinesisFanOutReaderOptions) {
    const { streamArn, consumerName, kinesis, timeoutMs = 10_000, activeWithinMs = 60_000 } = options;
    const { subscribeIntervalMs = 5_000, silenceMaxMs = 35_000, unansweredMaxMs = 10_000 } = options;
    const { clock = systemClock } = options;
    checkRange('subscribeIntervalMs', subscribeIntervalMs, 1, 60_000);
    checkRange('activeWithinMs', activeWithinMs, 1_000, 600_000);
    checkRange('silenceMaxMs', silenceMaxMs, 1_000, 300_000);
    checkRange('unansweredMaxMs', unansweredMaxMs, 1_000, 300_000);
    checkRange('timeoutMs', timeoutMs, 1, 300_000);
    checkConsumerName(consumerName);
    const name = parseStreamName(streamArn);
    if (name.StreamARN === undefined) throw invalid('streamArn', 'the ARN of a stream', streamArn);
    const { client, subscribing, owned } = clientsOf(kinesis, options.subscribing);
    this.#subscribing = subscribing;
    this.#owned = owned;
    this.#clock = clock;
    this.#paces = new ShardPaces(() => new SubscribePace(clock, subscribeIntervalMs));
    this.#silenceMaxMs = silenceMaxMs;
    this.#unansweredMaxMs = unansweredMaxMs;
    this.#stream = new KinesisStream({ client, clock, timeoutMs, stream: name });
    const stream = this.#stream;
    this.#consumer = new FanOutConsumer({ client, stream, streamArn, name: consumerName, clock, activeWithinMs });
  }

  describe(signal: AbortSignal): Promise<StreamDescription> {
    return this.#stream.describe(signal);
  }

  listShards(signal: AbortSignal): Promise<readonly Shard[]> {
    return this.#stream.listShards(signal);
  }

  open(shardId: string, position: ShardPosition): ShardCursor {
    return new FanOutShard({
      shardId,
      position,
      pace: this.#paces.of(shardId),
      clock: this.#clock,
      subscribe: (at, signal) => this.#subscribe(shardId, at, signal),
      state: (signal) => this.#stream.stateOf(shardId, signal),
      silenceMaxMs: this.#silenceMaxMs,
    });
  }

  /** Ends every subscription, closes the connections of the clients that were made here, and leaves the consumer registered. */
  close(): void {
    this.#consumer.close();
    for (const subscription of this.#open) subscription.close();
    for (const client of this.#owned) client.destroy();
  }

  async #subscribe(
    shardId: string,
    startingPosition: StartingPosition,
    signal: AbortSignal,
  ): Promise<ShardSubscription> {
    const consumerArn = await this.#consumer.arn(signal);
    const input = { consumerArn, shardId, startingPosition };
    const options = { clock: this.#clock, unansweredMaxMs: this.#unansweredMaxMs };
    try {
      return this.#tracked(
        await this.#stream.call('subscribeToShard', signal, (abortSignal) =>
          subscribeToShard(this.#subscribing, input, options, abortSignal),
        ),
      );
    } catch (error) {
      // It may be the consumer that is not there.
      if (awsErrorName(error) === 'ResourceNotFoundException') this.#consumer.forget();
      throw error;
    }
  }

  #tracked(subscription: ShardSubscription): ShardSubscription {
    const tracked: ShardSubscription = {
      arrival: () => subscription.arrival(),
      next: () => subscription.next(),
      close: () => {
        this.#open.delete(tracked);
        subscription.close();
      },
    };
    this.#open.add(tracked);
    return tracked;
  }
}

function clientsOf(
  kinesis: KinesisClientConfig | KinesisClient,
  given: KinesisClient | undefined,
): { readonly client: KinesisClient; readonly subscribing: KinesisClient; readonly owned: readonly KinesisClient[] } {
  if (kinesis instanceof KinesisClient) {
    if (given !== undefined) return { client: kinesis, subscribing: given, owned: [] };
    throw invalid('subscribing', 'a client, where `kinesis` is one', given);
  }
  const client = makeKinesisClient(kinesis);
  if (given !== undefined) return { client, subscribing: given, owned: [client] };
  const subscribing = makeSubscribingClient(kinesis);
  return { client, subscribing, owned: [client, subscribing] };
}

function checkConsumerName(name: string): void {
  if (!/^[a-zA-Z0-9_.-]{1,128}$/.test(name))
    throw invalid('consumerName', '1 to 128 letters, digits, dots, underscores and hyphens', name);
}

function invalid(option: string, expected: string, got: unknown): TidemarkError {
  return new TidemarkError('INVALID_OPTIONS', `${option}: expected ${expected}, got ${JSON.stringify(got)}`, {
    retriable: false,
    context: { option, expected, got },
  });
}
