import { z } from 'zod';
import {
  type ConfigurationField,
  choice,
  duration,
  flag,
  oneOf,
  optional,
  required,
  wholeNumber,
  withDefault,
} from './configuration-field.js';

const regionPattern = '[a-z]{2,3}(?:-[a-z]+)+-\\d';

/** The region that the process serves. */
export const regionField = {
  TIDEMARK_REGION: required(z.string().regex(new RegExp(`^${regionPattern}$`)), {
    meaning: 'region served; nothing crosses regions',
    expected: 'an AWS region such as eu-west-1',
  }),
};

const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
const brokersMax = 100;

/** How Kafka is reached; check the object with `saslIsComplete`, and turn it into a client's options with `kafkaOptions`. */
export const kafkaFields = {
  TIDEMARK_KAFKA_BROKERS: required(z.string().transform(splitList).refine(areBrokers), {
    meaning: 'brokers to start from',
    expected: `1 to ${brokersMax} of host:port, separated by commas`,
  }),
  TIDEMARK_KAFKA_SSL: flag('TLS to the brokers, certificates checked', false),
  TIDEMARK_KAFKA_SASL_MECHANISM: optional(z.enum(saslMechanisms), {
    meaning: 'how to log in to the brokers',
    expected: oneOf(saslMechanisms),
  }),
  TIDEMARK_KAFKA_SASL_USERNAME: optional(z.string().min(1), {
    meaning: 'user name at the brokers',
    expected: 'a text, with TIDEMARK_KAFKA_SASL_MECHANISM',
  }),
  TIDEMARK_KAFKA_SASL_PASSWORD: optional(z.string().min(1), {
    meaning: 'password at the brokers',
    expected: 'a text, with TIDEMARK_KAFKA_SASL_MECHANISM',
    secret: true,
  }),
};

const topicPrefixLengthMax = 40;

export const topicPrefixField = {
  TIDEMARK_TOPIC_PREFIX: withDefault(
    z
      .string()
      .max(topicPrefixLengthMax)
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/),
    'tidemark',
    {
      meaning: 'first part of every topic name',
      expected: `1 to ${topicPrefixLengthMax} letters, digits, dots, underscores and hyphens, a letter or digit first`,
    },
  ),
};

/** `min.insync.replicas` as every process may be told it; check the object with `topicsCanBeWritten` where it has a replication factor. */
export const topicInsyncField = {
  TIDEMARK_TOPIC_MIN_ISR: optional(
    z
      .string()
      .regex(/^(?:[1-9]|10)$/)
      .transform(Number),
    {
      meaning: 'fewest in-sync replicas that every topic must ask for; one fewer than it has replicas when left out',
      expected: 'a whole number from 1 to 10',
    },
  ),
};

/** What topics are made with, and what those that exist must have. */
export const topicSettingsFields = {
  TIDEMARK_TOPIC_REPLICATION_FACTOR: wholeNumber({
    meaning: 'copies of each partition of a topic that is created; existing ones must have as many',
    default: 3,
    min: 1,
    max: 10,
  }),
  ...topicInsyncField,
  TIDEMARK_TOPIC_RETENTION: duration({
    meaning: 'how long a table topic that is created keeps records; existing ones must keep them as long',
    default: '3d',
    min: '1h',
    max: '365d',
  }),
};

/** Adds the rule that no topic asks for more in-sync replicas than it has. */
export function topicsCanBeWritten<Schema extends z.ZodObject>(schema: Schema): Schema {
  const what = 'expected at most TIDEMARK_TOPIC_REPLICATION_FACTOR';
  return rule(schema, 'TIDEMARK_TOPIC_MIN_ISR', what, (values) => {
    const [insync, copies] = [values['TIDEMARK_TOPIC_MIN_ISR'], values['TIDEMARK_TOPIC_REPLICATION_FACTOR']];
    return typeof insync !== 'number' || typeof copies !== 'number' || insync <= copies;
  });
}

/** The stream that change records arrive in; check the object with `streamIsInRegion`. */
export const streamField = {
  TIDEMARK_STREAM_ARN: required(
    z.string().regex(new RegExp(`^arn:aws[a-z-]*:kinesis:${regionPattern}:\\d{12}:stream/[a-zA-Z0-9_.-]{1,128}$`)),
    {
      meaning: "Kinesis stream of the region's change records",
      expected: 'the ARN of a stream such as arn:aws:kinesis:eu-west-1:123456789012:stream/tidemark',
    },
  ),
};

export const leaseTableField = {
  TIDEMARK_LEASE_TABLE: required(z.string().regex(/^[a-zA-Z0-9_.-]{3,255}$/), {
    meaning: 'DynamoDB table of shard leases and checkpoints',
    expected: '3 to 255 letters, digits, dots, underscores and hyphens',
  }),
};

/** How sync reads the stream's shards. */
export const readerFields = {
  TIDEMARK_READER: choice(
    'how shards are read: by polling, which shares their limits with other readers, or by enhanced fan-out, which has its own and is billed',
    ['polling', 'fan-out'],
    'polling',
  ),
  TIDEMARK_CONSUMER_NAME: optional(z.string().regex(/^[a-zA-Z0-9_.-]{1,128}$/), {
    meaning: 'consumer of the stream that fan-out reads as, the same for all workers; the topic prefix when left out',
    expected: '1 to 128 letters, digits, dots, underscores and hyphens',
  }),
};

/** Where AWS is reached when not at its own addresses. */
export const endpointFields = {
  TIDEMARK_DYNAMODB_ENDPOINT: endpoint('address of DynamoDB when it is not AWS'),
  TIDEMARK_KINESIS_ENDPOINT: endpoint('address of Kinesis when it is not AWS'),
};

function endpoint(meaning: string): ConfigurationField<string | undefined> {
  return optional(z.string().refine(isEndpoint), { meaning, expected: 'an http or https URL without a user name' });
}

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What every process has: its health and metrics address, and its logs. */
export function processFields(httpPort: number) {
  return {
    TIDEMARK_HTTP_HOST: withDefault(z.string().regex(/^[a-zA-Z0-9.:-]{1,253}$/), '127.0.0.1', {
      meaning: 'address that /health and /metrics listen on',
      expected: 'a host name or an IP address',
    }),
    TIDEMARK_HTTP_PORT: wholeNumber({
      meaning: 'port that /health and /metrics listen on; 0 takes a free one',
      default: httpPort,
      min: 0,
      max: 65_535,
    }),
    TIDEMARK_LOG_LEVEL: choice('least severe lines that are written', logLevels, 'info'),
  };
}

type Values<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>>;

/** Options of a Kafka client, from the values of `kafkaFields`. */
export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly ssl: boolean;
  readonly sasl?: SaslOptions;
}

type SaslMechanism = (typeof saslMechanisms)[number];

/** One shape per mechanism, as clients of Kafka type it. */
export type SaslOptions = {
  [Mechanism in SaslMechanism]: {
    readonly mechanism: Mechanism;
    readonly username: string;
    readonly password: string;
  };
}[SaslMechanism];

export function kafkaOptions(values: Values<typeof kafkaFields>): KafkaOptions {
  const mechanism = values.TIDEMARK_KAFKA_SASL_MECHANISM;
  const username = values.TIDEMARK_KAFKA_SASL_USERNAME;
  const password = values.TIDEMARK_KAFKA_SASL_PASSWORD;
  const isComplete = mechanism !== undefined && username !== undefined && password !== undefined;
  return {
    brokers: values.TIDEMARK_KAFKA_BROKERS,
    ssl: values.TIDEMARK_KAFKA_SSL,
    ...(isComplete ? { sasl: { mechanism, username, password } } : {}),
  };
}

/** Adds the rule that the three SASL fields are set together or not at all. */
export function saslIsComplete<Schema extends z.ZodObject>(schema: Schema): Schema {
  const [mechanism, ...credentials] = [
    'TIDEMARK_KAFKA_SASL_MECHANISM',
    'TIDEMARK_KAFKA_SASL_USERNAME',
    'TIDEMARK_KAFKA_SASL_PASSWORD',
  ] as const;
  let checked = schema;
  for (const name of credentials) {
    checked = rule(checked, name, `expected to be set with ${mechanism}`, (values) => {
      return values[mechanism] === undefined || values[name] !== undefined;
    });
    checked = rule(checked, name, `expected to be left out without ${mechanism}`, (values) => {
      return values[mechanism] !== undefined || values[name] === undefined;
    });
  }
  return checked;
}

/** Adds the rule that the stream lies in the region served. */
export function streamIsInRegion<Schema extends z.ZodObject>(schema: Schema): Schema {
  const what = 'expected a stream of the region in TIDEMARK_REGION';
  return rule(schema, 'TIDEMARK_STREAM_ARN', what, ({ TIDEMARK_STREAM_ARN: arn, TIDEMARK_REGION: region }) => {
    return typeof arn !== 'string' || typeof region !== 'string' || arn.split(':')[3] === region;
  });
}

/** Adds a rule over several fields; `holds` must bear any values, since fields are reported beside it. */
export function rule<Schema extends z.ZodObject>(
  schema: Schema,
  name: string,
  problem: string,
  holds: (values: Readonly<Record<string, unknown>>) => boolean,
): Schema {
  return schema.refine((values) => holds(values), {
    path: [name],
    error: problem,
    params: { rule: true },
    when: () => true,
  });
}

function splitList(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim());
}

function areBrokers(brokers: readonly string[]): boolean {
  return brokers.length <= brokersMax && brokers.every(isBroker);
}

function isBroker(broker: string): boolean {
  const port = Number(/^[a-zA-Z0-9._-]{1,253}:(\d{1,5})$/.exec(broker)?.[1]);
  return port >= 1 && port <= 65_535;
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}
