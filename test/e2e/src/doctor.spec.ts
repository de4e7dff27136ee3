import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  DeleteItemCommand,
  DynamoDBClient,
  EnableKinesisStreamingDestinationCommand,
  PutItemCommand,
  UpdateKinesisStreamingDestinationCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { diagnose, type DoctorOptions, type Finding, processRoles, type Report } from '@tidemark/doctor';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { systemClock } from '@tidemark/runtime';
import { eventually } from '@tidemark/runtime/testing';
import { type Admin, type ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';

jest.setTimeout(60_000);

const region = 'us-east-1';
/** Kafka's number of this kind of resource; `kafkajs` does not offer its enumeration to ES modules. */
const topicResource: ConfigResourceTypes.TOPIC = 2;
let stack: LocalStack;
let dynamodb: DynamoDBClient;
let kafka: Admin;

beforeAll(async () => {
  stack = await startLocalStack({ regions: [region], tables: ['things', 'others'], destinationInterval: '1s' });
  const endpoints = stack.region(region);
  dynamodb = new DynamoDBClient(endpoints.dynamodb);
  kafka = new Kafka({ brokers: [...endpoints.kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  await kafka.connect();
  await stack.quiesce({ timeout: '20s' });
});

afterAll(async () => {
  dynamodb?.destroy();
  await kafka?.disconnect();
  await stack?.stop();
});

function options(change: Partial<DoctorOptions> = {}, awsChange: Partial<DoctorOptions['aws']> = {}): DoctorOptions {
  const { kafka: brokers, topicPrefix, streamArn, leaseTable, kinesis, dynamodb: config } = stack.region(region);
  return {
    kafka: brokers,
    topicPrefix,
    topics: { replicationFactor: 1 },
    aws: { streamArn, leaseTable, kinesis, dynamodb: config, failoverMs: 3_000, ...awsChange },
    ...change,
  };
}

const of = (report: Report, check: string): readonly Finding[] =>
  report.checks.find((one) => one.check === check)?.findings ?? [];

/** What is wrong in a report: every problem, and what is unknown, as `check: subject`. */
const wrong = (report: Report): string[] =>
  report.checks.flatMap(({ check, findings }) =>
    findings
      .filter(({ status }) => status === 'problem' || status === 'unknown')
      .map(({ subject }) => `${check}: ${subject}`),
  );

/** Reports until it says just that: what was planted takes its time to be seen, and so does its end. */
async function finds(expected: readonly string[], make = options): Promise<Report> {
  let report: Report | undefined;
  await eventually(
    `the doctor finds ${expected.join(', ') || 'nothing wrong'}`,
    async () => {
      report = await diagnose(make());
      return JSON.stringify(wrong(report)) === JSON.stringify(expected);
    },
    30_000,
  );
  if (report === undefined) throw new Error('no report');
  expect(report.ok).toBe(expected.length === 0);
  for (const { status, remedy } of report.checks.flatMap(({ findings }) => findings))
    if (status === 'problem' || status === 'unknown' || status === 'warning') expect(remedy).toBeTruthy();
  return report;
}

describe('tidemark doctor', () => {
  it('finds nothing wrong with a stack that is well, having tried every call', async () => {
    const report = await finds([], () => options({ writeProbe: true }));
    expect(report.checks.map(({ check }) => check)).toEqual([
      'stream',
      'destinations',
      'leases',
      'brokers',
      'topics',
      'routes',
      'groups',
      'permissions',
      'clocks',
    ]);
    expect(of(report, 'destinations').map(({ subject, status }) => [subject, status])).toEqual([
      ['others', 'ok'],
      ['things', 'ok'],
    ]);
    expect(of(report, 'permissions').filter(({ status }) => status === 'ok')).toHaveLength(15);
    expect(of(report, 'clocks')[0]).toMatchObject({ subject: 'AWS', status: 'ok' });
  });

  it('writes nothing unless it may', async () => {
    const report = await finds([]);
    const skipped = of(report, 'permissions').filter(({ status }) => status === 'skipped');
    expect(skipped.map(({ subject }) => subject.split(' on ')[0])).toEqual([
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:DeleteItem',
      'Write',
    ]);
  });

  it('says what each process may not do with the topics, and of one that is named that it is wrong', async () => {
    const topic = `${stack.region(region).topicPrefix}.cdc.things`;
    const topicsOf = (report: Report): readonly (readonly [string, string])[] =>
      of(report, 'permissions')
        .filter(({ subject }) => subject.includes('topics') || subject.includes(topic))
        .map(({ subject, status }) => [status, subject]);
    const allow = stack.faults.kafka(region).forbidWrites(topic);
    try {
      expect(topicsOf(await finds([]))).toEqual([
        ['skipped', 'topics, as sync'],
        ['ok', 'topics, as dispatcher'],
        ['ok', 'topics, as admin'],
      ]);
      await finds([`permissions: Write on ${topic}`], () => options({ role: 'sync' }));
      expect(topicsOf(await finds([], () => options({ role: 'dispatcher' })))).toEqual([
        ['ok', 'topics of dispatcher'],
      ]);
    } finally {
      allow();
    }
    for (const role of processRoles) await finds([], () => options({ role }));
  });

  it('asks nothing of AWS for a process that does not, nor for the group of another', async () => {
    const report = await finds([], () => options({ role: 'admin', writeProbe: true }));
    expect(of(report, 'aws')).toMatchObject([{ status: 'skipped', message: 'admin has nothing to do with it' }]);
    expect(of(report, 'groups')).toMatchObject([{ status: 'skipped' }]);
    for (const { subject } of of(report, 'permissions'))
      expect(subject).toMatch(/^(topics of admin|(Read|Write) on tidemark\.(routes|route-history|pods))$/);
  });

  it('looks at Kafka alone where no stream is named', async () => {
    const { aws: _, ...kafkaAlone } = options();
    const report = await finds([], () => kafkaAlone);
    expect(of(report, 'aws')).toMatchObject([{ status: 'skipped' }]);
    expect(of(report, 'topics').length).toBeGreaterThan(4);
  });

  it('a stream that distributes records by itself', async () => {
    stack.faults.aws.distributeRecords('AUTO', region);
    try {
      const report = await diagnose(options());
      expect(of(report, 'stream').find(({ status }) => status === 'problem')).toMatchObject({
        subject: 'tidemark-cdc',
        remedy: 'set its RecordDistributionStrategy to USER_PARTITION_KEY',
      });
    } finally {
      stack.faults.aws.distributeRecords('USER_PARTITION_KEY', region);
    }
    await finds([]);
  });

  it('a streaming destination that is off, and one that dates to the millisecond', async () => {
    const destination = { TableName: 'things', StreamArn: stack.region(region).streamArn };
    stack.faults.aws.disableStream('things', region);
    const off = await finds(['destinations: things']);
    expect(of(off, 'destinations')[1]?.remedy).toContain('enable-kinesis-streaming-destination --table-name things');
    await dynamodb.send(
      new EnableKinesisStreamingDestinationCommand({
        ...destination,
        EnableKinesisStreamingConfiguration: { ApproximateCreationDateTimePrecision: 'MILLISECOND' },
      }),
    );
    const coarse = await finds([]);
    expect(of(coarse, 'destinations')[1]).toMatchObject({ subject: 'things', status: 'warning' });
    await dynamodb.send(
      new UpdateKinesisStreamingDestinationCommand({
        ...destination,
        UpdateKinesisStreamingConfiguration: { ApproximateCreationDateTimePrecision: 'MICROSECOND' },
      }),
    );
    await finds([]);
  });

  it('a row of the lease table that cannot be read, and shards that nobody reads', async () => {
    const { leaseTable: TableName } = stack.region(region);
    await stack.kill(region, 'sync');
    const dead = await diagnose(options());
    expect(of(dead, 'leases').filter(({ status }) => status === 'problem')).toMatchObject([
      { message: expect.stringMatching(/has not renewed the lease/) },
      { message: expect.stringMatching(/has not renewed the lease/) },
    ]);
    expect(dead.ok).toBe(false);
    const Item = { leaseKey: { S: 'shardId-planted' }, leaseCounter: { N: '1' } };
    await dynamodb.send(new PutItemCommand({ TableName, Item }));
    expect(wrong(await diagnose(options()))).toContain('leases: shardId-planted');
    await dynamodb.send(new DeleteItemCommand({ TableName, Key: { leaseKey: Item.leaseKey } }));
    await stack.restart(region, 'sync');
    await finds([]);
  });

  it('a lease table with another key, and one that is not there', async () => {
    const other = await diagnose(options({}, { leaseTable: 'things' }));
    expect(of(other, 'leases')).toMatchObject([{ status: 'problem', message: expect.stringContaining('leaseKey') }]);
    const report = await diagnose(options({}, { leaseTable: 'nowhere' }));
    expect(of(report, 'leases')).toMatchObject([{ status: 'problem', message: expect.stringContaining('nowhere') }]);
  });

  it('topics whose settings do not fit', async () => {
    const name = `${stack.region(region).topicPrefix}.cache.things`;
    const set = (configEntries: { name: string; value: string }[]) =>
      kafka.alterConfigs({
        validateOnly: false,
        resources: [{ type: topicResource, name, configEntries }],
      });
    await set([
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'retention.ms', value: '60000' },
    ]);
    const report = await finds([`topics: ${name}`, `topics: ${name}`]);
    expect(of(report, 'topics')[1]?.message).toMatch(/^cleanup\.policy: expected delete, got compact/);
    await set([]);
    await finds([]);
  });

  it('a table topic without a route, of a table that is none', async () => {
    const { topicPrefix } = stack.region(region);
    await kafka.createTopics({
      waitForLeaders: true,
      topics: [{ topic: `${topicPrefix}.cdc.lonely`, numPartitions: 1 }],
    });
    const report = await diagnose(options());
    expect(of(report, 'routes').find(({ subject }) => subject === 'lonely')).toMatchObject({ status: 'warning' });
    expect(wrong(report)).toEqual(['destinations: lonely']);
    await kafka.deleteTopics({ topics: [`${topicPrefix}.cdc.lonely`] });
    await finds([]);
  });

  it('dispatchers that do not run', async () => {
    const { topicPrefix } = stack.region(region);
    await stack.kill(region, 'dispatcher');
    await finds([`groups: ${topicPrefix}.dispatcher`]);
    await stack.restart(region, 'dispatcher');
    await finds([]);
  });

  it('a routing table that cannot be read, which hides nothing else', async () => {
    const { topicPrefix } = stack.region(region);
    const elect = stack.faults.kafka(region).loseLeader(`${topicPrefix}.routes`);
    try {
      const report = await diagnose(options({ deadlineMs: 6_000 }));
      expect(of(report, 'routes')).toMatchObject([
        { status: 'unknown', message: expect.stringMatching(/^reading tidemark\.routes to its end (failed|took)/) },
      ]);
      expect(of(report, 'destinations').map(({ status }) => status)).toEqual(['ok', 'ok']);
      expect(of(report, 'topics').map(({ subject }) => subject)).toContain(`${topicPrefix}.cdc.things`);
      expect(of(report, 'groups')[0]).toMatchObject({ status: 'ok', message: 'Stable, members: 1' });
      expect(of(report, 'permissions').some(({ status }) => status === 'unknown')).toBe(false);
      const sync = await diagnose(options({ role: 'sync' }));
      expect(of(sync, 'routes')).toMatchObject([{ status: 'skipped' }]);
    } finally {
      elect();
    }
    await finds([]);
  });

  it('a broker that takes connections and answers nothing, of several that were named: the others are asked', async () => {
    const server = await silentServer();
    const brokers = [`127.0.0.1:${server.port}`, ...stack.region(region).kafka.brokers];
    try {
      const report = await diagnose(options({ kafka: { brokers } }));
      expect(wrong(report)).toEqual([]);
      expect(of(report, 'brokers').map(({ subject, status }) => [subject, status])).toEqual([
        [brokers[0], 'warning'],
        [brokers[1], 'ok'],
      ]);
    } finally {
      server.close();
    }
  });

  it('sync’s environment without its stream', async () => {
    const { aws: _, ...kafkaAlone } = options({ role: 'sync' });
    await finds(['aws: AWS'], () => kafkaAlone);
  });

  it('calls that are refused', async () => {
    const type = 'com.amazonaws.dynamodb.v20120810#AccessDeniedException';
    const error = { statusCode: 400, type, message: 'not authorized to perform' };
    const faults = [
      stack.faults.aws.fail({ service: 'dynamodb', operation: 'DescribeTable' }, error, 1_000),
      stack.faults.aws.fail({ service: 'kinesis', operation: 'ListShards' }, error, 1_000),
    ];
    const report = await diagnose(options());
    expect(wrong(report)).toEqual(
      expect.arrayContaining([
        'leases: leases',
        'permissions: kinesis:ListShards',
        'permissions: dynamodb:DescribeTable on tidemark-leases',
      ]),
    );
    expect(of(report, 'permissions').find(({ subject }) => subject === 'kinesis:ListShards')).toMatchObject({
      status: 'problem',
      remedy: 'allow kinesis:ListShards to the principal of this process',
    });
    for (const fault of faults) fault.clear();
    await finds([]);
  });

  it('a clock that is wrong, by AWS’s and by that of brokers which pods report to', async () => {
    const { kafka: address, topicPrefix } = stack.region(region);
    const topic = `${topicPrefix}.pods`;
    const configEntries = [
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'retention.ms', value: '600000' },
    ];
    await kafka.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, configEntries }] });
    const producer = new Kafka({ brokers: [...address.brokers], logLevel: logLevel.NOTHING }).producer();
    await producer.connect();
    const diagnoseAt = async (aheadMs: number): Promise<Report> => {
      await producer.send({ topic, messages: [{ value: 'a report' }] });
      return diagnose(options({ clock: { ...systemClock, now: () => systemClock.now() + aheadMs } }));
    };
    const right = await diagnoseAt(0);
    expect(of(right, 'clocks').map(({ status }) => status)).toEqual(['ok', 'ok']);
    const behind = await diagnoseAt(-120_000);
    expect(wrong(behind)).toEqual(['clocks: AWS', 'clocks: brokers']);
    for (const { message } of of(behind, 'clocks'))
      expect(message).toMatch(/^1(?:18|19|20|21)\.\d s ahead of this host$/);
    await producer.disconnect();
  });

  it.each(['refuse', 'take connections and say nothing'])('ends in its time with services that %s', async (how) => {
    const server = await silentServer();
    const { port } = server;
    if (how === 'refuse') server.close();
    const config = {
      region,
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    };
    const startMs = performance.now();
    const report = await diagnose(
      options({ kafka: { brokers: [`127.0.0.1:${port}`] }, deadlineMs: 3_000 }, { dynamodb: config, kinesis: config }),
    );
    server.close();
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expect(report.ok).toBe(false);
    for (const { findings } of report.checks) expect(findings.some(({ status }) => status === 'unknown')).toBe(true);
  });
});

interface SilentServer {
  readonly port: number;
  close(): void;
}

async function silentServer(): Promise<SilentServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
