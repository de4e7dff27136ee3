import { DescribeStreamConsumerCommand, KinesisClient, RegisterStreamConsumerCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { diagnose, type Finding, type Report } from '@tidemark/doctor';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { eventually } from '@tidemark/runtime/testing';

jest.setTimeout(90_000);

const region = 'us-east-1';
let stack: LocalStack;
let kinesis: KinesisClient;

beforeAll(async () => {
  stack = await startLocalStack({ regions: [region], tables: ['things'], kinesis: 'kinesis-local' });
  kinesis = new KinesisClient(stack.region(region).kinesis);
});
afterAll(async () => {
  kinesis?.destroy();
  await stack?.stop();
});

function look(writeProbe = false): Promise<Report> {
  const { kafka, topicPrefix, streamArn, leaseTable, dynamodb, kinesis: config } = stack.region(region);
  const aws = { streamArn, leaseTable, dynamodb, kinesis: config, failoverMs: 3_000, reader: 'fan-out' } as const;
  return diagnose({ kafka, topicPrefix, topics: { replicationFactor: 1 }, aws, writeProbe });
}

const consumer = (report: Report): readonly Finding[] =>
  report.checks.find(({ check }) => check === 'consumer')?.findings ?? [];

/** What is found of the calls that fan-out takes, by operation. */
function calls(report: Report): Readonly<Record<string, string>> {
  const findings = report.checks.find(({ check }) => check === 'permissions')?.findings ?? [];
  return Object.fromEntries(
    findings
      .filter(({ subject }) => subject.startsWith('kinesis:'))
      .map(({ subject, status }) => [subject.replace('kinesis:', ''), status]),
  );
}

describe('tidemark doctor where sync reads by fan-out', () => {
  it('says that the consumer is not registered yet, registers none itself, and asks for no iterator', async () => {
    const { topicPrefix } = stack.region(region);
    const report = await look(true);
    expect(consumer(report)).toMatchObject([{ subject: topicPrefix, status: 'warning' }]);
    expect(calls(report)).toEqual({
      DescribeStreamSummary: 'ok',
      ListShards: 'ok',
      DescribeStreamConsumer: 'ok',
      SubscribeToShard: 'skipped',
      RegisterStreamConsumer: 'skipped',
    });
    const { streamArn: StreamARN } = stack.region(region);
    const described = kinesis.send(new DescribeStreamConsumerCommand({ StreamARN, ConsumerName: topicPrefix }));
    await expect(described).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('finds the consumer that is registered, and every call allowed or refused', async () => {
    const { streamArn: StreamARN, topicPrefix: ConsumerName } = stack.region(region);
    await kinesis.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName }));
    let report = await look(true);
    await eventually('the consumer is active', async () => {
      report = await look(true);
      return consumer(report)[0]?.status === 'ok';
    });
    expect(consumer(report)[0]?.message).toMatch(/^ACTIVE, arn:aws:kinesis:/);
    expect(calls(report)).toMatchObject({ SubscribeToShard: 'ok', RegisterStreamConsumer: 'ok' });

    const type = 'AccessDeniedException';
    const error = { statusCode: 400, type, message: 'not authorized to perform' };
    const fault = stack.faults.aws.fail({ service: 'kinesis', operation: 'SubscribeToShard' }, error, 1_000);
    const refused = await look();
    fault.clear();
    expect(calls(refused)).toMatchObject({
      DescribeStreamConsumer: 'ok',
      SubscribeToShard: 'problem',
      RegisterStreamConsumer: 'skipped',
    });
    expect(refused.ok).toBe(false);
  });
});
