import { once } from 'node:events';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { EmbeddedKafka } from '@tidemark/local-stack';
import { Kafka, logLevel } from 'kafkajs';

jest.setTimeout(60_000);

const root = path.resolve(import.meta.dirname, '../../..');
const broker = new EmbeddedKafka({});

beforeAll(async () => {
  await broker.start();
  const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
  await kafka.connect();
  const configEntries = [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'retention.ms', value: '60000' },
  ];
  await kafka.createTopics({ topics: [{ topic: 'tidemark.cdc.things', numPartitions: 1, configEntries }] });
  await kafka.disconnect();
});

afterAll(() => broker.close());

describe('a process that meets topics that do not fit', () => {
  it.each(['sync', 'dispatcher', 'admin'])('%s ends with 1, and lists every setting', async (role) => {
    const { code, output } = await run(role, {
      TIDEMARK_REGION: 'eu-west-1',
      TIDEMARK_KAFKA_BROKERS: broker.address,
      TIDEMARK_HTTP_PORT: '0',
      ...(role === 'dispatcher' ? {} : { TIDEMARK_TOPIC_REPLICATION_FACTOR: '1' }),
      ...(role === 'sync'
        ? {
            TIDEMARK_STREAM_ARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/tidemark',
            TIDEMARK_LEASE_TABLE: 'leases',
            TIDEMARK_KINESIS_ENDPOINT: 'http://127.0.0.1:9',
            TIDEMARK_DYNAMODB_ENDPOINT: 'http://127.0.0.1:9',
            AWS_ACCESS_KEY_ID: 'x',
            AWS_SECRET_ACCESS_KEY: 'x',
          }
        : {}),
    });
    expect(output).toContain('INVALID_CONFIGURATION');
    expect(output).toContain('tidemark.cdc.things: cleanup.policy: expected delete, got compact');
    if (role !== 'dispatcher')
      expect(output).toContain('tidemark.cdc.things: retention.ms: expected 259200000 or more');
    expect(code).toBe(1);
  });
});

async function run(role: string, env: Readonly<Record<string, string>>): Promise<{ code: unknown; output: string }> {
  const child = spawn(process.execPath, [`apps/${role}/dist/main.js`], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', ...env },
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
