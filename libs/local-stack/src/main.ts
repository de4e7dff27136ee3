#!/usr/bin/env node
import { type Duration, messageOf } from '@tidemark/runtime';
import { parseArgs } from 'node:util';
import { startLocalStack } from './local-stack.js';

const usage = `tidemark-local-stack: AWS regions, Kafka and Tidemark's pipeline in one process, on 127.0.0.1

  --regions LIST                    default us-east-1,eu-west-1
  --tables LIST                     default permissions
  --kafka HOST:PORT,…               brokers that run already, for every region; default: one embedded broker a region
  --kinesis NAME                    kinesalite (default) or kinesis-local, which reshards and fans out as AWS does
  --no-pipeline                     without sync and dispatcher
  --replication-delay-ms N          default 20
  --data-dir DIR                    tables and Kafka's records outlive the process
  --destination-interval DURATION   default 1m; sync notices within 1.5 of it that a stream is off
  --start-deadline DURATION         default 60s
  --help

Prints its endpoints as one line of JSON, and stops on SIGINT or SIGTERM.`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      regions: { type: 'string', default: 'us-east-1,eu-west-1' },
      tables: { type: 'string', default: 'permissions' },
      kafka: { type: 'string' },
      kinesis: { type: 'string', default: 'kinesalite' },
      'no-pipeline': { type: 'boolean', default: false },
      'replication-delay-ms': { type: 'string', default: '20' },
      'data-dir': { type: 'string' },
      'destination-interval': { type: 'string', default: '1m' },
      'start-deadline': { type: 'string', default: '60s' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(`${usage}\n`);
  const regions = list(values.regions);
  const stack = await startLocalStack({
    regions,
    tables: list(values.tables),
    kafka:
      values.kafka === undefined
        ? 'embedded'
        : Object.fromEntries(regions.map((region) => [region, list(values.kafka ?? '')])),
    kinesis: values.kinesis as 'kinesalite' | 'kinesis-local',
    pipeline: !values['no-pipeline'],
    replicationDelayMs: Number(values['replication-delay-ms']),
    dataDir: values['data-dir'],
    destinationInterval: values['destination-interval'] as Duration,
    startDeadline: values['start-deadline'] as Duration,
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stack.stop().finally(() => process.exit(0)));
  process.stdout.write(
    `${JSON.stringify(Object.fromEntries(regions.map((region) => [region, addresses(stack.region(region))])))}\n`,
  );
}

function addresses(region: ReturnType<Awaited<ReturnType<typeof startLocalStack>>['region']>): Record<string, unknown> {
  const { dynamodbEndpoint, kinesisEndpoint, kafka, streamArn, leaseTable, topicPrefix } = region;
  return { dynamodbEndpoint, kinesisEndpoint, kafkaBrokers: kafka.brokers, streamArn, leaseTable, topicPrefix };
}

function list(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}

main().catch((error: unknown) => {
  process.stderr.write(`tidemark-local-stack: ${messageOf(error)}\n`);
  process.exit(2);
});
