import {
  type ConsumerDescription,
  DescribeStreamConsumerCommand,
  type KinesisClient,
  RegisterStreamConsumerCommand,
} from '@aws-sdk/client-kinesis';
import { type Clock, isTidemarkError, TidemarkError, wait, withDeadline } from '@tidemark/runtime';
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
  readonly #closed = new AbortController();
  /** One look for all who wait; it goes on for the others when one of them gives up. */
  #look: Promise<string> | undefined;

  constructor(options: FanOutConsumerOptions) {
    this.#options = options;
  }

  /**
   * ARN of the consumer, once it is active. Fails with `ACCESS_DENIED`, with `CONSUMER_LIMIT` where the stream has as many consumers as it may have, with
   * `TIMEOUT` where it does not become active in time, and as every call to Kinesis.
   */
  async arn(signal: AbortSignal): Promise<string> {
    const { clock, activeWithinMs, name } = this.#options;
    const look = (this.#look ??= this.#activated(this.#closed.signal));
    // The next who asks looks again.
    look.catch(() => {
      if (this.#look === look) this.#look = undefined;
    });
    return withDeadline({ clock, timeoutMs: activeWithinMs, what: `activating consumer ${name}`, signal }, () => look);
  }

  /** Kinesis does not know the consumer: look again. */
  forget(): void {
    this.#look = undefined;
  }

  /** Whoever waits is told that it is over. */
  close(): void {
    this.#closed.abort();
  }

  async #activated(signal: AbortSignal): Promise<string> {
    const { clock, name, activeWithinMs } = this.#options;
    const endMs = clock.monotonicMs() + activeWithinMs;
    while (clock.monotonicMs() < endMs && !signal.aborted) {
      const consumer = await this.#describe(signal);
      if (consumer === undefined) await this.#register(signal);
      else if (consumer.ConsumerStatus === 'ACTIVE' && consumer.ConsumerARN !== undefined) return consumer.ConsumerARN;
      await wait(clock, lookEveryMs, signal);
    }
    const [code, what] = signal.aborted ? (['ABORTED', 'closed'] as const) : (['TIMEOUT', 'not active'] as const);
    const context = { consumer: name };
    throw new TidemarkError(code, `consumer ${name} is ${what}`, { retriable: code === 'TIMEOUT', context });
  }

  /** `undefined`: there is none. */
  async #describe(signal: AbortSignal): Promise<ConsumerDescription | undefined> {
    const { client, stream, streamArn, name } = this.#options;
    const command = new DescribeStreamConsumerCommand({ StreamARN: streamArn, ConsumerName: name });
    try {
      const { ConsumerDescription: consumer } = await stream.call(
        'describeStreamConsumer',
        signal,
        async (abortSignal) => client.send(command, { abortSignal }),
      );
      return consumer;
    } catch (error) {
      if (awsErrorName(error) === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { client, stream, streamArn, name } = this.#options;
    const command = new RegisterStreamConsumerCommand({ StreamARN: streamArn, ConsumerName: name });
    try {
      await stream.call('registerStreamConsumer', signal, (abortSignal) => client.send(command, { abortSignal }));
    } catch (error) {
      // Another worker was quicker.
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
