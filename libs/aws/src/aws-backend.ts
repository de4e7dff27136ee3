import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { type Backend, type BackendContext, type BackendParts } from '@tidemark/cache';
import { DynamoDbStore } from '@tidemark/dynamodb-store';
import { createKafkaClient, type KafkaClientOptions, KafkaProducer, PodFeed, PodTopic } from '@tidemark/kafka';
import { topicNames, topicProblem } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { type Kafka } from 'kafkajs';

export interface AwsOptions {
  /** Region of the pod: of the replica it reads and writes, and of the Kafka whose cache topics it follows. */
  readonly region: string;
  /** Where the region's Kafka is, or a client that is ready and is left open. */
  readonly kafka: Omit<KafkaClientOptions, 'logger' | 'clock'> | Kafka;
  /** Of the client that is made; or a client that is ready, used as it is and left open. Default: as the SDK finds its configuration. */
  readonly dynamodb?: DynamoDBClientConfig | DynamoDBClient;
  /** First part of every topic name; the pipeline's. Default `tidemark`. */
  readonly topicPrefix?: string;
  /** The pod's zone, so that it reads from brokers of its own zone. Default none. */
  readonly rackId?: string;
}

/** The backend of production: DynamoDB under L1, Kafka beside it. Throws `INVALID_OPTIONS` naming the field; connects to nothing. */
export function aws(options: AwsOptions): Backend {
  const { region, topicPrefix } = validate(options);
  const names = topicNames(topicPrefix);
  return {
    name: 'aws',
    region,
    open: (context) => open(options, names, context),
  };
}

function open(options: AwsOptions, names: ReturnType<typeof topicNames>, context: BackendContext): BackendParts {
  const { region, kafka, dynamodb = {}, rackId } = options;
  const { service, podId, clock, logger, metrics } = context;
  const client = createKafkaClient(
    isReadyKafka(kafka) ? kafka : { clientId: `tidemark-${service}`, ...kafka, logger, clock },
  );
  const given =
    dynamodb instanceof DynamoDBClient || 'send' in dynamodb
      ? { client: dynamodb as DynamoDBClient }
      : { config: { region, ...dynamodb } };
  const store = new DynamoDbStore({ ...given, clock, metrics });
  const feed = new PodFeed({
    client,
    names,
    service,
    podId,
    clock,
    logger,
    metrics,
    ...(rackId === undefined ? {} : { rackId }),
  });
  const publisher = new KafkaProducer({ client, names, clock, logger, metrics });
  const pods = new PodTopic({ client, names, service, podId, producer: publisher, clock, logger, metrics });
  return {
    store,
    feed,
    publisher,
    pods,
    close: async () => {
      await Promise.all([feed.close(), pods.close()]);
      await publisher.close();
      await store.close();
    },
  };
}

const fields = ['region', 'kafka', 'dynamodb', 'topicPrefix', 'rackId'];
const kafkaFields = ['brokers', 'clientId', 'ssl', 'sasl', 'connectionTimeoutMs', 'requestTimeoutMs'];

function validate(options: AwsOptions): { readonly region: string; readonly topicPrefix: string } {
  onlyFields('options', options, fields);
  const { region, topicPrefix = 'tidemark', rackId = 'none' } = options;
  if (typeof region !== 'string' || !/^[a-z0-9-]+$/.test(region))
    throw invalid('region', 'a region such as eu-west-1', region);
  validateClients(options);
  if (typeof rackId !== 'string' || rackId === '') throw invalid('rackId', 'a non-empty string', rackId);
  const problem = topicProblem(topicPrefix);
  if (problem !== undefined) throw invalid('topicPrefix', problem.replace('expected ', ''), topicPrefix);
  return { region, topicPrefix };
}

function validateClients({ kafka, dynamodb = {} }: AwsOptions): void {
  if (typeof kafka !== 'object' || kafka === null)
    throw invalid('kafka', "{ brokers: ['host:port', …] } or a kafkajs client", kafka);
  if (!isReadyKafka(kafka)) onlyFields('kafka', kafka, kafkaFields);
  if (typeof dynamodb !== 'object' || dynamodb === null)
    throw invalid('dynamodb', 'a DynamoDBClientConfig or a DynamoDBClient', dynamodb);
}

/** A misspelt field must not be read as its default: another topic prefix, or a connection without TLS. */
function onlyFields(where: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null) throw invalid(where, 'an object', given);
  for (const name of Object.keys(given))
    if (!known.includes(name)) throw invalid(`${where}.${name}`, `one of ${known.join(', ')}`, 'an unknown field');
}

function isReadyKafka(kafka: AwsOptions['kafka']): kafka is Kafka {
  return typeof (kafka as Partial<Kafka>).consumer === 'function';
}

function invalid(field: string, expected: string, got: unknown): TidemarkError {
  return new TidemarkError(
    'INVALID_OPTIONS',
    `aws.${field}: expected ${expected}, got ${typeof got === 'string' ? JSON.stringify(got) : got === null ? 'null' : typeof got}`,
    {
      retriable: false,
      context: { field, expected },
    },
  );
}
