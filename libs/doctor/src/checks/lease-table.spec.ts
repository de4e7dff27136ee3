import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { describe, expect, it } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { type Finding } from '../finding.js';
import { type LeaseFacts, leaseFindings, type LeaseLook, type ListedShard } from './lease-findings.js';
import { leaseTableCheck, lookAgainMs, readRows, tableFinding } from './lease-table.js';

const shard = (shardId: string, change: Partial<ListedShard> = {}): ListedShard => ({
  shardId,
  isOpen: true,
  parents: [],
  ...change,
});
const row = (shardId: string, change: Partial<LeaseLook> = {}): LeaseLook => ({
  shardId,
  owner: 'w1',
  counter: 7,
  checkpoint: '49',
  owes: [],
  ...change,
});
const facts = (change: Partial<LeaseFacts>): LeaseFacts => ({
  shards: [],
  rows: [],
  unreadable: [],
  later: undefined,
  ...change,
});
const told = (change: Partial<LeaseFacts>): (readonly [string, string])[] =>
  leaseFindings('leases', facts(change)).map(({ subject, status }) => [subject, status] as const);

describe('the check of leases', () => {
  it('is content when every shard is read, and says by whom', () => {
    const shards = [shard('a'), shard('b'), shard('c')];
    const rows = [row('a'), row('b'), row('c', { owner: 'w2' })];
    expect(leaseFindings('leases', facts({ shards, rows }))).toMatchObject([
      { status: 'ok', message: '3 shards, read by w1 (2), w2 (1)' },
    ]);
  });

  it.each<[string, Partial<LeaseFacts>, (readonly [string, string])[]]>([
    ['no lease at all', { shards: [shard('a')] }, [['leases', 'problem']]],
    ['a shard without a lease', { shards: [shard('a'), shard('b')], rows: [row('a')] }, [['b', 'problem']]],
    ['a lease without an owner', { shards: [shard('a')], rows: [row('a', { owner: null })] }, [['a', 'problem']]],
    [
      'a closed shard that was not read to its end and has no owner',
      { shards: [shard('a', { isOpen: false })], rows: [row('a', { owner: null })] },
      [['a', 'problem']],
    ],
    [
      'a lease that nobody renews',
      { shards: [shard('a')], rows: [row('a')], later: { rows: [row('a')], afterMs: 5_000 } },
      [['a', 'problem']],
    ],
    [
      'a table that is owed a flush, once',
      { shards: [shard('a'), shard('b')], rows: [row('a', { owes: ['things'] }), row('b', { owes: ['things'] })] },
      [['things', 'problem']],
    ],
    ['a row that cannot be read', { shards: [shard('a')], rows: [row('a')], unreadable: ['b'] }, [['b', 'problem']]],
    ['a lease of a shard of another stream', { shards: [shard('a')], rows: [row('a'), row('x')] }, [['x', 'warning']]],
  ])('finds %s', (_, change, expected) => {
    expect(told(change)).toEqual(expected);
    for (const finding of leaseFindings('leases', facts(change))) expect(finding.remedy).toBeTruthy();
  });

  it.each<[string, Partial<LeaseFacts>]>([
    [
      'a child whose parent is still being read',
      { shards: [shard('p', { isOpen: false }), shard('c', { parents: ['p'] })], rows: [row('p')] },
    ],
    [
      'a closed shard read to its end',
      { shards: [shard('p', { isOpen: false })], rows: [row('p', { checkpoint: 'SHARD_END', owner: null })] },
    ],
    [
      'a finished lease of a shard that is trimmed',
      { shards: [shard('a')], rows: [row('a'), row('p', { checkpoint: 'SHARD_END' })] },
    ],
    [
      'a lease that is renewed',
      { shards: [shard('a')], rows: [row('a')], later: { rows: [row('a', { counter: 8 })], afterMs: 5_000 } },
    ],
    [
      'a lease that another has taken meanwhile',
      { shards: [shard('a')], rows: [row('a')], later: { rows: [row('a', { owner: 'w2' })], afterMs: 5_000 } },
    ],
  ])('finds nothing wrong with %s', (_, change) => {
    expect(told(change)).toEqual([['leases', 'ok']]);
  });

  it('a child whose parents are read to their end must be read', () => {
    const shards = [shard('p', { isOpen: false }), shard('c', { parents: ['p'] })];
    expect(told({ shards, rows: [row('p', { checkpoint: 'SHARD_END', owner: null })] })).toEqual([['c', 'problem']]);
  });
});

describe('the two looks at the leases', () => {
  /** Owned by a worker that has written it so often at each look. */
  async function lookedAt(counters: readonly number[], failoverMs: number): Promise<readonly Finding[]> {
    const clock = new ManualClock();
    let looks = 0;
    const rows = (): object => ({
      Items: [
        {
          ...{ leaseKey: { S: 'a' }, leaseOwner: { S: 'w1' }, checkpoint: { S: '49' } },
          leaseCounter: { N: String(counters[looks++]) },
        },
      ],
    });
    const Table = {
      ...{ TableStatus: 'ACTIVE', KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }] },
      AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
    };
    const check = leaseTableCheck({
      table: 'leases',
      stream: 'arn:aws:kinesis:eu-west-1:123456789012:stream/cdc',
      dynamodb: answering(new DynamoDBClient({ region: 'eu-west-1' }), {
        DescribeTableCommand: () => ({ Table }),
        ScanCommand: rows,
      }),
      kinesis: answering(new KinesisClient({ region: 'eu-west-1' }), {
        ListShardsCommand: () => ({ Shards: [{ ShardId: 'a' }] }),
      }),
      asking: { clock, timeoutMs: 8_000 },
      failoverMs,
    });
    const findings = check.run(new AbortController().signal);
    while (looks < 1) await settle();
    await settle();
    await clock.advance(3_000);
    return findings;
  }

  it.each([1_000, 10_000, 60_000, 300_000])('find a worker that has died, with a fail-over of %d ms', async (ms) => {
    expect((await lookedAt([7, 7], ms)).at(-1)).toMatchObject({ subject: 'a', status: 'problem' });
    expect((await lookedAt([7, 8], ms)).at(-1)).toMatchObject({ subject: 'leases', status: 'ok' });
  });

  it.each([
    [1_000, 8_000, 500],
    [10_000, 8_000, 3_000],
    [300_000, 8_000, 3_000],
    [10_000, 5_000, 2_000],
  ])('with a fail-over of %d ms and %d ms for a call are %d ms apart', (failoverMs, timeoutMs, apartMs) => {
    expect(lookAgainMs(failoverMs, timeoutMs)).toBe(apartMs);
  });
});

/** The client as it is, but for what it is answered. */
function answering<Client extends DynamoDBClient | KinesisClient>(
  client: Client,
  answers: Readonly<Record<string, () => object>>,
): Client {
  client.middlewareStack.add(
    (_next, { commandName = '' }) =>
      () =>
        Promise.resolve({ output: { $metadata: {}, ...answers[commandName]?.() }, response: {} }),
    { step: 'initialize', priority: 'high' },
  );
  return client;
}

describe('the rows of a lease table', () => {
  it('are leases, notes on tables, or neither', () => {
    const lease = { leaseKey: { S: 'a' }, leaseCounter: { N: '3' }, checkpoint: { S: '49' }, leaseOwner: { S: 'w1' } };
    const { leaseOwner: _, ...free } = lease;
    expect(
      readRows([
        lease,
        { ...free, leaseKey: { S: 'b' }, owedFlushes: { SS: ['things'] } },
        { leaseKey: { S: 'destination:things' } },
        { leaseKey: { S: 'c' }, leaseCounter: { N: 'x' }, checkpoint: { S: '49' } },
        { leaseKey: { S: 'd' }, leaseCounter: { N: '1' } },
      ]),
    ).toEqual({
      rows: [
        { shardId: 'a', owner: 'w1', counter: 3, checkpoint: '49', owes: [] },
        { shardId: 'b', owner: null, counter: 3, checkpoint: '49', owes: ['things'] },
      ],
      unreadable: ['c', 'd'],
    });
  });
});

describe('the shape of a lease table', () => {
  const described = (KeySchema: [string, 'HASH' | 'RANGE'][], type: 'S' | 'N', TableStatus: 'ACTIVE' | 'CREATING') => ({
    TableStatus,
    KeySchema: KeySchema.map(([AttributeName, KeyType]) => ({ AttributeName, KeyType })),
    AttributeDefinitions: KeySchema.map(([AttributeName]) => ({ AttributeName, AttributeType: type })),
  });

  it.each([
    [described([['leaseKey', 'HASH']], 'S', 'ACTIVE'), 'ok'],
    [described([['leaseKey', 'HASH']], 'S', 'CREATING'), 'problem'],
    [described([['leaseKey', 'HASH']], 'N', 'ACTIVE'), 'problem'],
    [described([['id', 'HASH']], 'S', 'ACTIVE'), 'problem'],
    [
      described(
        [
          ['leaseKey', 'HASH'],
          ['at', 'RANGE'],
        ],
        'S',
        'ACTIVE',
      ),
      'problem',
    ],
    [undefined, 'problem'],
  ])('%j: %s', (table, status) => {
    expect(tableFinding('leases', table)).toMatchObject({ subject: 'leases', status });
  });
});
