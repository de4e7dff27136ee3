import { once } from 'node:events';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { eventually } from '@tidemark/runtime/testing';
import { type Pod, startPods } from './random-load.js';

jest.setTimeout(60_000);

const root = path.resolve(import.meta.dirname, '../../..');
const region = 'us-east-1';
let stack: LocalStack;
let pods: readonly Pod[];
let dynamodb: DynamoDBClient;

beforeAll(async () => {
  stack = await startLocalStack({ regions: [region], tables: ['things', 'others'] });
  pods = await startPods(stack, 2);
  dynamodb = new DynamoDBClient(stack.region(region).dynamodb);
  await stack.quiesce({ timeout: '20s' });
});
afterAll(async () => {
  dynamodb?.destroy();
  await Promise.all((pods ?? []).map(({ tidemark }) => tidemark.close()));
  await stack?.stop();
});

interface SyncState {
  readonly ready: boolean;
  readonly detail: { readonly reason: string | null; readonly watermark: number | null };
}

const sync = (): SyncState => (stack.health()[region] as { readonly sync: SyncState }).sync;

/** What another program writes: no pod knows of it but by the stream. */
async function foreignWrite(key: string, n: number): Promise<void> {
  const Item = { key: { S: `things:${key}` }, value: { S: JSON.stringify({ n }) } };
  await dynamodb.send(new PutItemCommand({ TableName: 'things', Item }));
}

describe('a stream that is switched to AUTO under a sync that reads it', () => {
  it('is read no more, makes sync not ready and stops the watermark; back again, every table is flushed and nothing is lost', async () => {
    const [pod] = pods;
    await pod?.cache.put('k', { n: 1 });
    await stack.quiesce({ timeout: '20s' });
    expect(await pod?.cache.get('k')).toEqual({ n: 1 });
    const events = (): number => pods.reduce((sum, { cache }) => sum + cache.stats().events, 0);

    stack.faults.aws.distributeRecords('AUTO', region);
    await eventually('sync is not ready', () => !sync().ready, 20_000);
    expect(sync().detail.reason).toContain('distributes records AUTO');
    expect(sync().detail.watermark).toBeNull();
    const before = events();
    await foreignWrite('k', 2);
    const writtenAt = Date.now();
    await eventually('the watermark has stood still since', () => (pod?.cache.staleness() ?? 0) > 3_000, 20_000);
    expect(Date.now() - (pod?.cache.staleness() ?? 0)).toBeLessThan(writtenAt);
    expect(events()).toBe(before);

    const flushes = pods.map(({ cache }) => cache.stats().flushes);
    stack.faults.aws.distributeRecords('USER_PARTITION_KEY', region);
    await eventually('sync is ready', () => sync().ready, 20_000);
    await stack.quiesce({ timeout: '30s' });
    for (const [at, { cache }] of pods.entries()) {
      await eventually('the pod is flushed', () => cache.stats().flushes > (flushes[at] ?? 0), 20_000);
      expect(await cache.get('k')).toEqual({ n: 2 });
    }
  });
});

describe('a sync that starts on a stream that distributes records AUTO', () => {
  it('ends with 1, and says what to do', async () => {
    await stack.kill(region, 'sync');
    stack.faults.aws.distributeRecords('AUTO', region);
    const { code, output } = await runSync();
    expect(output).toContain('INVALID_CONFIGURATION');
    expect(output).toMatch(/distributes records AUTO: .*set USER_PARTITION_KEY/);
    expect(code).toBe(1);
    stack.faults.aws.distributeRecords('USER_PARTITION_KEY', region);
    await stack.restart(region, 'sync');
    await eventually('sync is ready', () => sync().ready, 20_000);
  });
});

async function runSync(): Promise<{ readonly code: unknown; readonly output: string }> {
  const endpoints = stack.region(region);
  const child = spawn(process.execPath, ['apps/sync/dist/main.js'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'] ?? '',
      TIDEMARK_REGION: region,
      TIDEMARK_KAFKA_BROKERS: endpoints.kafka.brokers.join(','),
      TIDEMARK_TOPIC_PREFIX: endpoints.topicPrefix,
      TIDEMARK_TOPIC_REPLICATION_FACTOR: '1',
      TIDEMARK_STREAM_ARN: endpoints.streamArn,
      TIDEMARK_LEASE_TABLE: endpoints.leaseTable,
      TIDEMARK_KINESIS_ENDPOINT: endpoints.kinesisEndpoint,
      TIDEMARK_DYNAMODB_ENDPOINT: endpoints.dynamodbEndpoint,
      TIDEMARK_HTTP_PORT: '0',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const giveUp = setTimeout(() => child.kill('SIGKILL'), 40_000);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(giveUp);
  return { code, output };
}
