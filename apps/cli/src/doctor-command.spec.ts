import { describe, expect, it } from '@jest/globals';
import { type DoctorOptions, type Report } from '@tidemark/doctor';
import { doctorCommand } from './doctor-command.js';

const least = { TIDEMARK_REGION: 'eu-west-1', TIDEMARK_KAFKA_BROKERS: 'kafka-1:9092' };
const full = {
  ...least,
  TIDEMARK_STREAM_ARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/tidemark',
  TIDEMARK_LEASE_TABLE: 'tidemark-leases',
  TIDEMARK_TOPIC_PREFIX: 'acme',
  TIDEMARK_TOPIC_MIN_ISR: '1',
  TIDEMARK_DYNAMODB_ENDPOINT: 'http://127.0.0.1:8000',
};
const report = (ok: boolean): Report => ({
  ok,
  checks: [{ check: 'topics', tookMs: 1, findings: [{ subject: 'a', status: ok ? 'ok' : 'unknown', message: 'm' }] }],
});

async function run(args: readonly string[], environment: Readonly<Record<string, string>>, ok = true) {
  const asked: DoctorOptions[] = [];
  const end = await doctorCommand(args, environment, async (options) => {
    asked.push(options);
    return report(ok);
  });
  return { ...end, asked };
}

describe('tidemark doctor', () => {
  it('ends with 0 where nothing is wrong, and with 1 where something is', async () => {
    expect(await run([], least)).toMatchObject({ exitCode: 0, text: expect.stringContaining('\nwell: ') });
    expect(await run([], least, false)).toMatchObject({ exitCode: 1, text: expect.stringContaining('\nnot well: ') });
  });

  it('prints JSON where it is asked for', async () => {
    const { text } = await run(['--json'], least);
    expect(JSON.parse(text)).toEqual(report(true));
  });

  it('tries writes only where it is asked to', async () => {
    expect((await run([], least)).asked[0]?.writeProbe).toBe(false);
    expect((await run(['--write-probe'], least)).asked[0]?.writeProbe).toBe(true);
    expect((await run(['--write-probe', '--role', 'sync'], least)).asked[0]?.writeProbe).toBe(true);
  });

  it('takes whose principal it is', async () => {
    expect((await run([], least)).asked[0]).not.toHaveProperty('role');
    for (const role of ['sync', 'dispatcher', 'admin'])
      expect((await run(['--role', role], least)).asked[0]?.role).toBe(role);
  });

  it('looks at Kafka alone without a stream, and at everything with one', async () => {
    expect((await run([], least)).asked[0]).toEqual({
      kafka: { brokers: ['kafka-1:9092'], ssl: false },
      topicPrefix: 'tidemark',
      topics: { replicationFactor: 3, tableRetentionMs: 259_200_000 },
      deadlineMs: 20_000,
      writeProbe: false,
    });
    expect((await run([], full)).asked[0]).toMatchObject({
      topicPrefix: 'acme',
      topics: { minInsyncReplicas: 1 },
      aws: {
        streamArn: full.TIDEMARK_STREAM_ARN,
        leaseTable: 'tidemark-leases',
        failoverMs: 10_000,
        reader: 'polling',
        dynamodb: { region: 'eu-west-1', endpoint: 'http://127.0.0.1:8000' },
        kinesis: { region: 'eu-west-1' },
      },
    });
  });

  it('looks at the consumer that sync reads as, by the variables of sync', async () => {
    const environment = { ...full, TIDEMARK_READER: 'fan-out', TIDEMARK_CONSUMER_NAME: 'acme-sync' };
    const { asked } = await run([], environment);
    expect(asked[0]?.aws).toMatchObject({ reader: 'fan-out', consumerName: 'acme-sync' });
    expect((await run([], { ...full, TIDEMARK_READER: 'fan-out' })).asked[0]?.aws).not.toHaveProperty('consumerName');
  });

  it('takes the environment of any process', async () => {
    const others = {
      TIDEMARK_HTTP_PORT: '0',
      TIDEMARK_POLL_INTERVAL: '1s',
      TIDEMARK_ADMIN_TOKEN: 'a-token-of-some-length',
    };
    expect(await run([], { ...full, ...others })).toMatchObject({ exitCode: 0 });
  });

  it.each([
    [['--jsn'], least, 'jsn'],
    [['now'], least, 'now'],
    [['--role', 'pod'], least, '--role: expected one of sync, dispatcher, admin, got "pod"'],
    [['--role'], least, 'role'],
    [['--role', 'bogus', '--role', 'sync'], least, '--role: expected once'],
    [['--role=sync', '--role=sync'], least, '--role: expected once'],
    [['--write-probe', '--role', 'dispatcher'], least, '--write-probe: expected --role sync or none, got dispatcher'],
    [['--role', 'admin', '--write-probe'], least, '--write-probe: expected --role sync or none, got admin'],
    [[], {}, 'TIDEMARK_REGION: '],
    [[], { ...least, TIDEMARK_LEASE_TABLE: 'leases' }, 'TIDEMARK_LEASE_TABLE: expected to be set with'],
    [[], { ...full, TIDEMARK_READER: 'both' }, 'TIDEMARK_READER: expected polling or fan-out'],
    [[], { ...least, TIDEMARK_TOPIC_MIN_ISR: '4' }, 'TIDEMARK_TOPIC_MIN_ISR: expected at most'],
  ])('ends with 2 over %j %j', async (args, environment, text) => {
    const end = await run(args, environment);
    expect(end).toMatchObject({ exitCode: 2, asked: [] });
    expect(end.text).toContain(text);
  });

  it('has a help that names every flag and variable', async () => {
    const { exitCode, text } = await run(['--help'], {});
    expect(exitCode).toBe(0);
    for (const word of [
      '--role',
      '--json',
      '--write-probe',
      '--help',
      'TIDEMARK_STREAM_ARN',
      'TIDEMARK_DOCTOR_DEADLINE',
    ])
      expect(text).toContain(word);
    expect(text).not.toContain('--check');
  });
});
