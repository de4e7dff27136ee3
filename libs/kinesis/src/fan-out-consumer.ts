import {
  DescribeStreamConsumerCommand,
  type KinesisClient,
  RegisterStreamConsumerCommand,
} from '@aws-sdk/client-kinesis';
import { type Clock, isTidemarkError, TidemarkError, wait } from '@tidemark/runtime';
import { awsErrorName } from './aws-call.js';
import { type KinesisStream } from './kinesis-stream.js';

export interface FanOutConsumerOptions {
  readonly client: KinesisClient;
  readonly stream: KinesisStream;
  readonly streamArn: string;
  readonly name: string;
  readonly clock: Clock;
  /** How long the consumer may take to become active, ms. */
  readonly activeWithinMs: number;
}

/** Time between two looks at a consumer that is not active yet, ms. */
const lookEveryMs = 1_000;

/** The registration of a consumer with its stream: made where there is none, and never undone, since other workers use it. */
export class FanOutConsumer {
  readonly #options: FanOutConsumerOptions;
  #arn: string | undefined;

  constructor(options: FanOutConsumerOptions) {
    this.#options = options;
  }

  /**
   * ARN of the consumer, once it is active. Fails with `ACCESS_DENIED`, with `CONSUMER_LIMIT` where the stream has as many consumers as it may have, with
   * `TIMEOUT` where it does not become active in time, and as every call to Kinesis.
   */
  async arn(signal: AbortSignal): Promise<string> {
    const { clock, name, activeWithinMs } = this.#options;
    const endMs = clock.monotonicMs() + activeWithinMs;
    while (this.#arn === undefined) {
      if (signal.aborted) throw new TidemarkError('ABORTED', 'registering was given up', { retriable: false });
      this.#arn = (await this.#active(signal)) ?? (await this.#register(signal));
      if (this.#arn !== undefined) break;
      if (clock.monotonicMs() >= endMs)
        throw new TidemarkError('TIMEOUT', `consumer ${name} was not active within ${activeWithinMs} ms`, {
          retriable: true,
          context: { consumer: name },
        });
      await wait(clock, lookEveryMs, signal);
    }
    return this.#arn;
  }

  /** Kinesis does not know the consumer: look again. */
  forget(): void {
    this.#arn = undefined;
  }

  /** `undefined`: not yet, or not any more. */
  async #active(signal: AbortSignal): Promise<string | undefined> {
    const { client, stream, streamArn, name } = this.#options;
    const command = new DescribeStreamConsumerCommand({ StreamARN: streamArn, ConsumerName: name });
    try {
      const { ConsumerDescription: consumer } = await stream.call(
        'describeStreamConsumer',
        signal,
        async (abortSignal) => client.send(command, { abortSignal }),
      );
      return consumer?.ConsumerStatus === 'ACTIVE' ? consumer.ConsumerARN : undefined;
    } catch (error) {
      if (awsErrorName(error) === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  }

  /** Never resolves to an ARN: what was registered becomes active later. */
  async #register(signal: AbortSignal): Promise<undefined> {
    const { client, stream, streamArn, name } = this.#options;
    const command = new RegisterStreamConsumerCommand({ StreamARN: streamArn, ConsumerName: name });
    try {
      await stream.call('registerStreamConsumer', signal, (abortSignal) => client.send(command, { abortSignal }));
    } catch (error) {
      // Registered already: by another worker, or before, and not active yet.
      if (awsErrorName(error) === 'ResourceInUseException') return;
      if (isTidemarkError(error) && awsErrorName(error) === 'LimitExceededException')
        throw new TidemarkError(
          'CONSUMER_LIMIT',
          `consumer ${name} cannot be registered: the stream has as many consumers as it may have, or too many are being registered`,
          { retriable: true, cause: error.cause, context: { consumer: name, stream: stream.name.StreamName } },
        );
      throw error;
    }
  }
}
