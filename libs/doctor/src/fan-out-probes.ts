import {
  InvalidArgumentException,
  type KinesisClient,
  LimitExceededException,
  RegisterStreamConsumerCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  SubscribeToShardCommand,
} from '@aws-sdk/client-kinesis';
import { TidemarkError } from '@tidemark/runtime';
import { askKinesis } from './ask-aws.js';
import { type ConsumerOptions, describedConsumer } from './checks/consumer.js';
import { type Probe } from './checks/permissions.js';

export interface FanOutProbeOptions extends ConsumerOptions {
  /** For `SubscribeToShard`, which Kinesis serves over HTTP/2. */
  readonly subscribing: KinesisClient;
}

/** No stream has it: whoever subscribes to a shard ends the subscription that sync has. */
const noShard = 'tidemark-doctor';

/**
 * The calls of sync to Kinesis that reading by fan-out takes. Each is made so that it changes nothing: Kinesis looks at the permission first, so what it then says about a
 * shard that is not there, or a consumer that is, shows that the call was allowed.
 */
export function fanOutProbes(options: FanOutProbeOptions): readonly Probe[] {
  const { streamArn, name, kinesis, subscribing, asking } = options;
  const probe = (operation: string, isWrite: boolean, call: (signal: AbortSignal) => Promise<unknown>): Probe => ({
    permission: `kinesis:${operation}`,
    isWrite,
    call,
  });
  const registered = async (signal: AbortSignal): Promise<string> => {
    const arn = (await describedConsumer(options, signal))?.ConsumerARN;
    if (arn !== undefined) return arn;
    throw new TidemarkError('STREAM_MISSING', `not tried: the stream has no consumer ${name}`, { retriable: true });
  };
  return [
    probe('DescribeStreamConsumer', false, (signal) => describedConsumer(options, signal)),
    probe('SubscribeToShard', false, async (signal) => {
      const ConsumerARN = await registered(signal);
      const command = new SubscribeToShardCommand({
        ConsumerARN,
        ShardId: noShard,
        StartingPosition: { Type: 'LATEST' },
      });
      await askKinesis(asking, 'subscribeToShard', signal, (abortSignal) =>
        allowed([ResourceNotFoundException, InvalidArgumentException], async () => {
          const { EventStream } = await subscribing.send(command, { abortSignal });
          await EventStream?.[Symbol.asyncIterator]().return?.();
        }),
      );
    }),
    probe('RegisterStreamConsumer', true, async (signal) => {
      // One that is not there would be registered, and billed.
      await registered(signal);
      const command = new RegisterStreamConsumerCommand({ StreamARN: streamArn, ConsumerName: name });
      await askKinesis(asking, 'registerStreamConsumer', signal, (abortSignal) =>
        allowed([ResourceInUseException, LimitExceededException], () => kinesis.send(command, { abortSignal })),
      );
    }),
  ];
}

type AwsErrorClass = abstract new (...args: never[]) => Error;

/** Nothing is wrong with a call that fails with one of `answers`. */
async function allowed(answers: readonly AwsErrorClass[], call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!answers.some((answer) => error instanceof answer)) throw error;
  }
}
