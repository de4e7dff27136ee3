import {
  configsOfRole,
  createKafkaClient,
  KafkaProducer,
  topicRole,
  type TopicSettings,
  TopicWatch,
} from '@tidemark/kafka';
import { DynamoDBDestinations, DynamoDBLeaseStore, KinesisFanOutReader, KinesisShardReader } from '@tidemark/kinesis';
import { type ShardReader, SyncWorker } from '@tidemark/pipeline';
import { topicNames } from '@tidemark/protocol';
import { messageOf, stopWithin } from '@tidemark/runtime';
import { type Service, type ServicePorts, type SyncOptions } from './service-options.js';
import { untilStarted } from './until-started.js';

/** A broker answers a connection in order, so a topic that it keeps waiting holds up what shares the connection. */
const connectionsMax = 32;

/** Sync over Kinesis, a lease table and Kafka. Resolves at once; what it needs and does not find yet, it waits for, and says so in `ready()`. */
export async function startSync(options: SyncOptions, ports: ServicePorts): Promise<Service> {
  const { clock, logger, metrics } = ports;
  const { kafka, topicPrefix, region, streamArn, leaseTable, dynamodbEndpoint, kinesisEndpoint, credentials } = options;
  const names = topicNames(topicPrefix);
  const account = { region, ...(credentials === undefined ? {} : { credentials }) };
  const at = (endpoint: string | undefined): object => (endpoint === undefined ? account : { ...account, endpoint });
  // Before anything that would have to be stopped again: it refuses options.
  const reader = makeReader(options, at(kinesisEndpoint), ports);
  const client = createKafkaClient({ ...kafka, clientId: `tidemark-sync-${region}`, logger, clock });
  const settings = topicSettings(options);
  const createTopics = {
    partitions: options.topicPartitions ?? 4,
    replicationFactor: settings.replicationFactor,
    configs: (topic: string) => configsOfRole(topicRole(names, topic), settings),
  };
  const topics = new TopicWatch({ client, names, settings, clock, logger });
  const sink = new KafkaProducer({ client, names, clock, logger, metrics, createTopics, connectionsMax });
  const leases = new DynamoDBLeaseStore({ table: leaseTable, dynamodb: at(dynamodbEndpoint), clock });
  const destinations = new DynamoDBDestinations({ streamArn, leaseTable, dynamodb: at(dynamodbEndpoint), clock });
  const worker = new SyncWorker({
    reader,
    leases,
    sink,
    destinations: { reader: destinations, store: destinations },
    region,
    clock,
    log: logger,
    metrics,
    binary: options.binaryEncoding === 'once' ? 'base64' : 'base64-twice',
    ...(topicPrefix === undefined ? {} : { topicPrefix }),
    ...(options.workerId === undefined ? {} : { workerId: options.workerId }),
    ...(options.failoverMs === undefined ? {} : { failoverMs: options.failoverMs }),
    ...(options.pageBudgetBytes === undefined ? {} : { pageBudgetBytes: options.pageBudgetBytes }),
    ...(options.destinationIntervalMs === undefined ? {} : { destinationEveryMs: options.destinationIntervalMs }),
  });
  const release = async (): Promise<void> => {
    topics.stop();
    await sink.close();
    reader.close();
    leases.close();
    destinations.close();
  };
  const failed = Promise.race([topics.failed, worker.failed]);
  failed.catch(() => undefined);
  const starting = untilStarted(async () => worker.start(), logger);
  return {
    ready: () => {
      const health = worker.health();
      const error = topics.error ?? starting.error();
      return {
        ready: health.ready && error === undefined,
        detail: error === undefined ? health : { ...health, error: messageOf(error) },
      };
    },
    failed,
    stop: () => stopWithin(worker.stop().then(release), ports),
    kill: async () => {
      await worker.kill();
      await release();
    },
  };
}

/** Reads the stream's shards as the options say. */
function makeReader(
  { reader = 'polling', streamArn, topicPrefix = 'tidemark', consumerName = topicPrefix, pollIntervalMs }: SyncOptions,
  kinesis: object,
  { clock }: ServicePorts,
): ShardReader & { close(): void } {
  if (reader === 'fan-out') return new KinesisFanOutReader({ streamArn, consumerName, kinesis, clock });
  const pace = pollIntervalMs === undefined ? {} : { pollIntervalMs };
  return new KinesisShardReader({ stream: streamArn, kinesis, clock, ...pace });
}

/** Three days outlast what keeps dispatchers away, a long weekend included. */
const usualRetentionMs = 3 * 86_400_000;

function topicSettings(options: SyncOptions): TopicSettings & { readonly replicationFactor: number } {
  const { topicReplicationFactor = 3, topicMinInsyncReplicas, topicRetentionMs = usualRetentionMs } = options;
  return {
    replicationFactor: topicReplicationFactor,
    tableRetentionMs: topicRetentionMs,
    ...(topicMinInsyncReplicas === undefined ? {} : { minInsyncReplicas: topicMinInsyncReplicas }),
  };
}
