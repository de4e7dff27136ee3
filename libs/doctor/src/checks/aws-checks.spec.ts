import { describe, expect, it } from '@jest/globals';
import { type TableDestination } from '@tidemark/pipeline';
import { ManualClock } from '@tidemark/runtime/testing';
import { type Finding, type Status } from '../finding.js';
import { clockFinding, clocksCheck } from './clocks.js';
import { consumerFinding } from './consumer.js';
import { askDynamoDB, askKinesis, type Asking } from '../ask-aws.js';
import { destinationFinding, destinationsCheck } from './destinations.js';
import { probeFinding } from './permissions.js';
import { type StreamFacts, streamFindings } from './stream.js';

const worst = (findings: readonly Finding[]): Status =>
  (['problem', 'unknown', 'warning', 'skipped', 'ok'] as const).find((status) =>
    findings.some((finding) => finding.status === status),
  ) ?? 'ok';

const everyRemedy = (findings: readonly Finding[]): boolean =>
  findings.every(({ status, remedy }) => (status === 'ok' || status === 'skipped') === (remedy === undefined));

describe('the check of the stream', () => {
  const well: StreamFacts = {
    status: 'ACTIVE',
    mode: 'ON_DEMAND',
    openShards: 4,
    retentionHours: 168,
    distribution: 'USER_PARTITION_KEY',
    encryption: 'KMS',
    key: 'alias/aws/kinesis',
  };

  it.each<[string, Partial<StreamFacts>, Status, RegExp]>([
    ['as it should be', {}, 'ok', /ACTIVE, ON_DEMAND, 4 open shards/],
    ['being resharded', { status: 'UPDATING' }, 'ok', /UPDATING/],
    ['not encrypted', { encryption: 'NONE', key: null }, 'ok', /not encrypted/],
    ['being made', { status: 'CREATING' }, 'problem', /CREATING/],
    ['being deleted', { status: 'DELETING' }, 'problem', /DELETING/],
    ['distributing records by itself', { distribution: 'AUTO' }, 'problem', /AUTO/],
    ['of a day', { retentionHours: 24 }, 'warning', /24 hours/],
  ])('%s', (_, change, status, message) => {
    const findings = streamFindings('cdc', { ...well, ...change });
    expect(worst(findings)).toBe(status);
    expect(findings.filter((finding) => finding.status === status).map((finding) => finding.message)).toContainEqual(
      expect.stringMatching(message),
    );
    expect(everyRemedy(findings)).toBe(true);
  });
});

describe('the check of a streaming destination', () => {
  const arn = 'arn:aws:kinesis:eu-west-1:123456789012:stream/cdc';
  const found = (status: string, precision: string | null = 'MICROSECOND'): TableDestination => ({
    status,
    precision,
    description: null,
  });

  it.each<[TableDestination, Status, RegExp]>([
    [found('ACTIVE'), 'ok', /MICROSECOND/],
    [found('ACTIVE', 'MILLISECOND'), 'warning', /millisecond/],
    [found('ACTIVE', null), 'warning', /millisecond/],
    [found('ENABLING'), 'warning', /ENABLING/],
    [found('UPDATING'), 'warning', /UPDATING/],
    [found('DISABLED'), 'problem', /DISABLED/],
    [found('DISABLING'), 'problem', /DISABLING/],
    [found('ENABLE_FAILED'), 'problem', /ENABLE_FAILED/],
    [found('NONE', null), 'problem', /nothing carries/],
    [found('TABLE_MISSING', null), 'problem', /no table/],
  ])('%j', (destination, status, message) => {
    const finding = destinationFinding('things', arn, destination);
    expect(finding).toMatchObject({ subject: 'things', status, message: expect.stringMatching(message) });
    expect(everyRemedy([finding])).toBe(true);
  });

  it('says AWS’s own words, and a command that can be pasted', () => {
    const finding = destinationFinding('things', arn, { ...found('ENABLE_FAILED'), description: 'no permission' });
    expect(finding.message).toContain('ENABLE_FAILED (no permission)');
    expect(finding.remedy).toContain(
      `aws dynamodb enable-kinesis-streaming-destination --table-name things --stream-arn ${arn}`,
    );
  });

  it('looks at the other tables when one cannot be looked at', async () => {
    const reader = {
      read: (table: string) => (table === 'a' ? Promise.reject(new Error('lost')) : Promise.resolve(found('ACTIVE'))),
    };
    const findings = await destinationsCheck(arn, reader, async () => ['a', 'b']).run(new AbortController().signal);
    expect(findings.map(({ subject, status }) => [subject, status])).toEqual([
      ['a', 'unknown'],
      ['b', 'ok'],
    ]);
  });
});

describe('the check of the consumer', () => {
  const stream = 'arn:aws:kinesis:eu-west-1:123456789012:stream/cdc';
  const registered = (ConsumerStatus: string | undefined, of = stream) => ({
    ConsumerStatus: ConsumerStatus as 'ACTIVE',
    ConsumerARN: `${of}/consumer/acme:1700000000`,
  });

  it.each<[object | undefined, Status, RegExp]>([
    [undefined, 'warning', /no consumer of this name/],
    [registered('ACTIVE'), 'ok', /^ACTIVE, arn:.*acme:1700000000$/],
    [registered('CREATING'), 'warning', /^CREATING/],
    [registered('DELETING'), 'problem', /^DELETING/],
    [registered(undefined), 'problem', /^unknown/],
    [registered('ACTIVE', `${stream}-old`), 'problem', /not a consumer of this stream/],
    [{ ConsumerStatus: 'ACTIVE' }, 'problem', /without an ARN/],
  ])('%j', (consumer, status, message) => {
    const finding = consumerFinding('acme', stream, consumer);
    expect(finding).toMatchObject({ subject: 'acme', status, message: expect.stringMatching(message) });
    expect(everyRemedy([finding])).toBe(true);
  });
});

describe('a call to AWS that is made once', () => {
  const asking: Asking = { clock: new ManualClock(), timeoutMs: 1_000 };
  const found = (ask: typeof askKinesis, name: string): Promise<Finding> =>
    probeFinding(
      {
        permission: 'kinesis:ListShards',
        isWrite: false,
        call: (signal) =>
          ask(asking, 'ListShards', signal, () => Promise.reject(Object.assign(new Error('said'), { name }))),
      },
      false,
      new AbortController().signal,
    );

  it.each([
    ['kinesis', askKinesis],
    ['dynamodb', askDynamoDB],
  ])('is no permission that lacks where there are no credentials: %s', async (_, ask) => {
    const finding = await found(ask, 'CredentialsProviderError');
    expect(finding).toMatchObject({ status: 'problem', message: expect.stringMatching(/^not asked: .*said/) });
    expect(finding.remedy).toMatch(/^give this process credentials for AWS: /);
  });

  it.each<[string, Status, RegExp]>([
    ['AccessDeniedException', 'problem', /^allow kinesis:ListShards to the principal/],
    ['InternalFailure', 'unknown', /reaches Kinesis/],
  ])('%s', async (name, status, remedy) => {
    expect(await found(askKinesis, name)).toMatchObject({ status, remedy: expect.stringMatching(remedy) });
  });
});

describe('the check of clocks', () => {
  it.each<[number | undefined, Status]>([
    [undefined, 'skipped'],
    [0, 'ok'],
    [-2_000, 'ok'],
    [2_001, 'warning'],
    [-59_000, 'warning'],
    [60_000, 'problem'],
    [-3_600_000, 'problem'],
  ])('%s ms ahead: %s', (aheadMs, status) => {
    const finding = clockFinding('AWS', aheadMs, 'nobody knows');
    expect(finding).toMatchObject({ subject: 'AWS', status });
    expect(everyRemedy([finding])).toBe(true);
  });

  it('says which way', () => {
    expect([-90_000, 90_000].map((ms) => clockFinding('AWS', ms, '').message)).toEqual([
      '90.0 s behind this host',
      '90.0 s ahead of this host',
    ]);
  });

  it('tells of one clock when the other cannot be asked', async () => {
    const findings = await clocksCheck([
      { whose: 'AWS', otherwise: '', aheadMs: async () => 0 },
      { whose: 'brokers', otherwise: '', aheadMs: () => Promise.reject(new Error('lost')) },
    ]).run(new AbortController().signal);
    expect(findings.map(({ subject, status }) => [subject, status])).toEqual([
      ['AWS', 'ok'],
      ['brokers', 'unknown'],
    ]);
  });
});
