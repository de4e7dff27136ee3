import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { KinesisClient, type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { createKafkaClient, type KafkaClientOptions, type TopicSettings, withAdmin } from '@tidemark/kafka';
import { DynamoDBDestinations, makeDynamoDBClient, makeKinesisClient, makeSubscribingClient } from '@tidemark/kinesis';
import { topicNames } from '@tidemark/protocol';
import { type Clock, systemClock, withDeadline } from '@tidemark/runtime';
import { type Asking } from './ask-aws.js';
import { awsAheadMs } from './aws-clock.js';
import { type AwsProbeOptions, destinationProbes, kinesisProbes, leaseTableProbes } from './aws-probes.js';
import { brokersCheck } from './checks/brokers.js';
import { type ClockAhead, clocksCheck } from './checks/clocks.js';
import { consumerCheck } from './checks/consumer.js';
import { destinationsCheck } from './checks/destinations.js';
import { groupsCheck } from './checks/groups.js';
import { leaseTableCheck } from './checks/lease-table.js';
import { permissionsCheck, type Probe, probeFinding } from './checks/permissions.js';
import { routesCheck } from './checks/routes.js';
import { streamCheck } from './checks/stream.js';
import { topicPermissionFindings } from './checks/topic-permissions.js';
import { topicsCheck } from './checks/topics.js';
import { examine, type Report } from './examine.js';
import { type Check, type Finding, problem, skipped } from './finding.js';
import { type FanOutProbeOptions } from './fan-out-probes.js';
import { KafkaSurvey } from './kafka-survey.js';
import { type ProcessRole } from './role-needs.js';

export interface DoctorOptions {
  readonly kafka: Pick<KafkaClientOptions, 'brokers' | 'ssl' | 'sasl'>;
  /** Default `tidemark`. */
  readonly topicPrefix?: string;
  /** What the topics are held against; default: what their role needs whatever was chosen. */
  readonly topics?: TopicSettings;
  /** The part of AWS; without it, only Kafka is looked at. */
  readonly aws?: DoctorAws;
  /**
   * The process whose principal and credentials are used: what they lack for it is a problem, and what it has nothing to do with is not looked at. Default: they are anybody's, and
   * what they lack for each process is told.
   */
  readonly role?: ProcessRole;
  /** Whether calls that write are made, too: one dead letter, and writes to the lease table whose condition never holds. Default false. */
  readonly writeProbe?: boolean;
  /** Bound on each check, and so on the whole, ms; default 20,000. */
  readonly deadlineMs?: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

export interface DoctorAws {
  readonly streamArn: string;
  readonly leaseTable: string;
  /** As sync has it, ms; default 10,000. */
  readonly failoverMs?: number;
  /** How sync reads shards; default `polling`. */
  readonly reader?: 'polling' | 'fan-out';
  /** The consumer that `fan-out` reads as; default the topic prefix. */
  readonly consumerName?: string;
  readonly dynamodb: DynamoDBClientConfig | DynamoDBClient;
  readonly kinesis: KinesisClientConfig | KinesisClient;
  /** The client for `SubscribeToShard`. Default: one made as `kinesis` says, or `kinesis` itself where that is a client. */
  readonly subscribing?: KinesisClient;
}

/** Bound on one call to AWS or the brokers, ms; less where it would be more than this part of what a check has. */
const callMs = 8_000;
const callShare = 0.8;
/** A broker that has not answered after this part of it stands still: the next one is asked. */
const silentShare = 3 / 8;

/** Looks at everything that a region of Tidemark stands on, and changes nothing without `writeProbe`. Never rejects for what it finds. */
export async function diagnose(options: DoctorOptions): Promise<Report> {
  const { clock = systemClock, deadlineMs = 20_000 } = options;
  const ending = new AbortController();
  const signal = options.signal === undefined ? ending.signal : AbortSignal.any([options.signal, ending.signal]);
  const asking: Asking = { clock, timeoutMs: Math.min(callMs, deadlineMs * callShare) };
  const { role } = options;
  const asksAws = options.aws !== undefined && (role === undefined || role === 'sync');
  const aws = asksAws ? awsParts(options.aws, options.topicPrefix, asking) : undefined;
  const names = topicNames(options.topicPrefix);
  const kafka = new KafkaSurvey({
    client: clientOf(options, asking),
    names,
    settings: options.topics ?? {},
    clock,
    signal,
    timeoutMs: asking.timeoutMs,
    readsRoutes: role !== 'sync',
  });
  try {
    const checks = [
      ...awsChecks(aws, kafka, role),
      brokersCheck(options.kafka.brokers, (address, inner) => advertisedBy(address, options, asking, inner)),
      topicsCheck(names, () => kafka.topics(), role),
      routesCheck(
        names,
        () => kafka.routes(),
        () => kafka.topics(),
        role,
      ),
      groupsCheck(names.dispatcherGroup, { facts: () => kafka.group(), progress: () => kafka.progress() }, role),
      permissionsCheck(
        probes(aws, kafka, names.deadLetters, options),
        [
          { name: 'destinations', run: (inner) => destinationFindings(aws, kafka, inner) },
          { name: 'topics', run: async () => topicPermissionFindings(names, await kafka.topicPermissions(), role) },
        ],
        { writes: options.writeProbe ?? false },
      ),
      clocksCheck(clocksOf(aws, kafka)),
    ];
    return await examine(checks, { clock, deadlineMs, signal });
  } finally {
    ending.abort();
    aws?.close();
  }
}

function clientOf({ kafka }: DoctorOptions, { clock, timeoutMs }: Asking, brokers = kafka.brokers) {
  const requestTimeoutMs = Math.ceil(timeoutMs * silentShare);
  return createKafkaClient({ ...kafka, brokers, clientId: 'tidemark-doctor', clock, requestTimeoutMs });
}

/** Connects to the broker at `address`; resolves to every broker of the cluster, `host:port`, none where that could not be asked. */
function advertisedBy(
  address: string,
  options: DoctorOptions,
  asking: Asking,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const client = clientOf(options, asking, [address]);
  const { clock, timeoutMs } = asking;
  // It is connected to by then; who else there is, any broker is asked, and another one may not answer.
  const what = 'asking for the brokers of the cluster';
  return withAdmin({ client, clock, timeoutMs, signal }, (admin) =>
    withDeadline({ clock, timeoutMs: timeoutMs * silentShare, what, signal }, () => admin.describeCluster()).then(
      ({ brokers }) => brokers.map(({ host, port }) => `${host}:${port}`),
      () => [],
    ),
  );
}

/** AWS's as the `Date` of an answer tells it, the brokers' as the newest report of a pod is dated. */
function clocksOf(aws: AwsParts | undefined, kafka: KafkaSurvey): readonly ClockAhead[] {
  return [
    {
      whose: 'AWS',
      otherwise: aws === undefined ? 'AWS was not asked' : 'no answer had a date',
      aheadMs: async (signal) => aws && awsAheadMs(aws.stream, aws.kinesis, aws.asking, signal),
    },
    { whose: 'brokers', otherwise: 'no pod has reported lately', aheadMs: () => kafka.brokerAheadMs() },
  ];
}

interface AwsParts extends AwsProbeOptions {
  readonly failoverMs: number;
  readonly destinations: DynamoDBDestinations;
  close(): void;
}

function awsParts(options: DoctorAws, topicPrefix: string | undefined, asking: Asking): AwsParts {
  const { streamArn, leaseTable, failoverMs = 10_000 } = options;
  const dynamodb = options.dynamodb instanceof DynamoDBClient ? options.dynamodb : makeDynamoDBClient(options.dynamodb);
  const kinesis = options.kinesis instanceof KinesisClient ? options.kinesis : makeKinesisClient(options.kinesis);
  const destinations = new DynamoDBDestinations({ streamArn, leaseTable, dynamodb, clock: asking.clock });
  const fanOut = fanOutOf(options, kinesis, asking, topicPrefix);
  const close = (): void => {
    if (dynamodb !== options.dynamodb) dynamodb.destroy();
    if (kinesis !== options.kinesis) kinesis.destroy();
    if (fanOut !== undefined && fanOut.subscribing !== options.subscribing && fanOut.subscribing !== kinesis)
      fanOut.subscribing.destroy();
  };
  return { stream: streamArn, leaseTable, failoverMs, dynamodb, kinesis, fanOut, destinations, asking, close };
}

/** `undefined`: shards are polled. */
function fanOutOf(
  { reader, streamArn, consumerName, kinesis: given, subscribing }: DoctorAws,
  kinesis: KinesisClient,
  asking: Asking,
  topicPrefix = 'tidemark',
): FanOutProbeOptions | undefined {
  if (reader !== 'fan-out') return undefined;
  const client = subscribing ?? (given instanceof KinesisClient ? given : makeSubscribingClient(given));
  return { streamArn, name: consumerName ?? topicPrefix, kinesis, subscribing: client, asking };
}

function awsChecks(aws: AwsParts | undefined, kafka: KafkaSurvey, role: ProcessRole | undefined): Check[] {
  if (aws === undefined) return [{ name: 'aws', run: async () => [withoutAws(role)] }];
  const { stream, leaseTable: table, kinesis, dynamodb, fanOut, asking, failoverMs, destinations } = aws;
  return [
    streamCheck(stream, kinesis, asking),
    ...(fanOut === undefined ? [] : [consumerCheck(fanOut)]),
    destinationsCheck(stream, destinations, () => kafka.tables()),
    leaseTableCheck({ table, stream, kinesis, dynamodb, asking, failoverMs }),
  ];
}

function withoutAws(role: ProcessRole | undefined): Finding {
  const unnamed = 'no stream was named: TIDEMARK_STREAM_ARN, TIDEMARK_LEASE_TABLE';
  if (role === undefined) return skipped('AWS', unnamed);
  if (role !== 'sync') return skipped('AWS', `${role} has nothing to do with it`);
  return problem('AWS', unnamed, 'run it with the environment of sync, which does not start without them');
}

/** The calls of sync; dead letters are its affair alone. What the brokers allow beside that is asked of them, and tried by nobody. */
function probes(
  aws: AwsParts | undefined,
  kafka: KafkaSurvey,
  deadLetters: string,
  { role, writeProbe = false }: DoctorOptions,
): readonly Probe[] {
  if (role !== undefined && role !== 'sync') return [];
  const permission = `Write on ${deadLetters}`;
  // Of a role, the brokers are asked for it without a write.
  const write =
    role === undefined || writeProbe
      ? [{ permission, isWrite: true, call: (signal: AbortSignal) => kafka.writeProbe(signal) }]
      : [];
  return aws === undefined ? write : [...kinesisProbes(aws), ...leaseTableProbes(aws), ...write];
}

/** The calls that are made of each table: which there are, the brokers are asked first. */
async function destinationFindings(
  aws: AwsParts | undefined,
  kafka: KafkaSurvey,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (aws === undefined) return [];
  const tables = await kafka.tables();
  return Promise.all(destinationProbes(aws, tables).map((probe) => probeFinding(probe, false, signal)));
}
