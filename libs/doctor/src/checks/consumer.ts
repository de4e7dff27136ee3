import {
  type ConsumerDescription,
  DescribeStreamConsumerCommand,
  type KinesisClient,
  ResourceNotFoundException,
} from '@aws-sdk/client-kinesis';
import { askKinesis, type Asking } from '../ask-aws.js';
import { type Check, type Finding, ok, problem, warning } from '../finding.js';

/** The consumer that sync subscribes as, where it reads by fan-out. */
export interface ConsumerOptions {
  readonly streamArn: string;
  readonly name: string;
  readonly kinesis: KinesisClient;
  readonly asking: Asking;
}

/** Whether sync can subscribe to the stream's shards as its consumer. */
export function consumerCheck(options: ConsumerOptions): Check {
  return {
    name: 'consumer',
    run: async (signal) => [consumerFinding(options.name, options.streamArn, await describedConsumer(options, signal))],
  };
}

/** `undefined`: the stream has none of that name, or there is no such stream, which its own check tells. */
export async function describedConsumer(
  { streamArn, name, kinesis, asking }: ConsumerOptions,
  signal: AbortSignal,
): Promise<ConsumerDescription | undefined> {
  const command = new DescribeStreamConsumerCommand({ StreamARN: streamArn, ConsumerName: name });
  return askKinesis(asking, `describeStreamConsumer of ${name}`, signal, async (abortSignal) => {
    try {
      return (await kinesis.send(command, { abortSignal })).ConsumerDescription;
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  });
}

/** What stands in the way of subscribing as this consumer. */
export function consumerFinding(
  name: string,
  streamArn: string,
  consumer: Partial<ConsumerDescription> | undefined,
): Finding {
  if (consumer === undefined)
    return warning(
      name,
      'the stream has no consumer of this name: sync registers it when it starts, and reads no shard before it is ACTIVE',
      `start sync, or aws kinesis register-stream-consumer --stream-arn ${streamArn} --consumer-name ${name}`,
    );
  const { ConsumerStatus: status = 'unknown', ConsumerARN: arn = 'without an ARN' } = consumer;
  if (!arn.startsWith(`${streamArn}/consumer/`))
    return problem(
      name,
      `it is ${arn}: not a consumer of this stream, and not one that a role of infra/terraform may subscribe as`,
      `check TIDEMARK_STREAM_ARN, TIDEMARK_CONSUMER_NAME and TIDEMARK_KINESIS_ENDPOINT`,
    );
  if (status === 'ACTIVE') return ok(name, `ACTIVE, ${arn}`);
  if (status === 'CREATING')
    return warning(name, 'CREATING: no shard is read before it is ACTIVE', 'run it again in a minute');
  return problem(
    name,
    `${status}: Kinesis ends its subscriptions, and sync registers it again once it is gone`,
    'find out who deregisters it (CloudTrail: DeregisterStreamConsumer); TIDEMARK_READER=polling needs no consumer',
  );
}
