import { KinesisClient, ResourceInUseException, ResourceNotFoundException } from '@aws-sdk/client-kinesis';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tidemark/runtime/testing';
import { type Finding } from './finding.js';
import { probeFinding } from './checks/permissions.js';
import { fanOutProbes } from './fan-out-probes.js';

const { signal } = new AbortController();
const streamArn = 'arn:aws:kinesis:eu-west-1:123456789012:stream/cdc';
const consumerArn = `${streamArn}/consumer/acme:1700000000`;
const clients: KinesisClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

type Operation = 'DescribeStreamConsumer' | 'SubscribeToShard' | 'RegisterStreamConsumer';

/** What a stream whose consumer is registered says to a role that may do everything. */
const well: Readonly<Record<Operation, string>> = {
  DescribeStreamConsumer: 'ACTIVE',
  SubscribeToShard: 'ResourceNotFoundException',
  RegisterStreamConsumer: 'ResourceInUseException',
};

/** What the probes find where AWS answers so, and what they have asked. */
async function findings(
  answers: Partial<Record<Operation, string>>,
  writes = true,
): Promise<{ readonly found: readonly Finding[]; readonly asked: readonly object[] }> {
  const asked: object[] = [];
  const client = new KinesisClient({ region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 's' } });
  clients.push(client);
  client.middlewareStack.add(
    (_next, context) => (args) => {
      const operation = String(context.commandName).replace(/Command$/, '') as Operation;
      asked.push({ operation, ...args.input });
      const answer = answers[operation] ?? well[operation];
      if (answer.endsWith('Exception')) return Promise.reject(awsError(answer));
      const described = { ConsumerARN: consumerArn, ConsumerStatus: answer };
      return Promise.resolve({ output: { ConsumerDescription: described, $metadata: {} } as never, response: {} });
    },
    { step: 'initialize', priority: 'high' },
  );
  const asking = { clock: new ManualClock(), timeoutMs: 1_000 };
  const probes = fanOutProbes({ streamArn, name: 'acme', kinesis: client, subscribing: client, asking });
  return { found: await Promise.all(probes.map((probe) => probeFinding(probe, writes, signal))), asked };
}

function awsError(name: string): Error {
  const made = { message: 'said by the test', $metadata: {} };
  if (name === 'ResourceNotFoundException') return new ResourceNotFoundException(made);
  if (name === 'ResourceInUseException') return new ResourceInUseException(made);
  return Object.assign(new Error('said by the test'), { name });
}

const statuses = (found: readonly Finding[]): object =>
  Object.fromEntries(found.map(({ subject, status }) => [subject.replace('kinesis:', ''), status]));

describe('the calls of fan-out', () => {
  it('are allowed where AWS says something about what they ask for', async () => {
    const { found } = await findings({});
    expect(statuses(found)).toEqual({
      DescribeStreamConsumer: 'ok',
      SubscribeToShard: 'ok',
      RegisterStreamConsumer: 'ok',
    });
  });

  it('take no subscription from sync: no shard of the stream is asked for', async () => {
    const { asked } = await findings({});
    expect(asked.filter((call) => 'ShardId' in call)).toMatchObject([
      { operation: 'SubscribeToShard', ConsumerARN: consumerArn, ShardId: 'tidemark-doctor' },
    ]);
  });

  it.each<Operation>(['DescribeStreamConsumer', 'SubscribeToShard', 'RegisterStreamConsumer'])(
    'that a role may not make are told: %s',
    async (operation) => {
      const { found } = await findings({ [operation]: 'AccessDeniedException' });
      expect(found.find(({ subject }) => subject === `kinesis:${operation}`)).toMatchObject({
        status: 'problem',
        remedy: `allow kinesis:${operation} to the principal of this process`,
      });
    },
  );

  it('register no consumer: not where there is none, and not unless they may write', async () => {
    const absent = await findings({ DescribeStreamConsumer: 'ResourceNotFoundException' });
    expect(statuses(absent.found)).toEqual({
      DescribeStreamConsumer: 'ok',
      SubscribeToShard: 'skipped',
      RegisterStreamConsumer: 'skipped',
    });
    const quiet = await findings({}, false);
    expect(statuses(quiet.found)).toMatchObject({ RegisterStreamConsumer: 'skipped' });
    for (const { asked } of [absent, quiet])
      expect(asked).not.toContainEqual(expect.objectContaining({ operation: 'RegisterStreamConsumer' }));
  });
});
