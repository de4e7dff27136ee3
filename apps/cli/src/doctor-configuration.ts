import { type DoctorOptions } from '@tidemark/doctor';
import {
  defineConfig,
  duration,
  endpointFields,
  type Environment,
  kafkaFields,
  kafkaOptions,
  leaseTableField,
  optional,
  readerFields,
  regionField,
  rule,
  saslIsComplete,
  streamField,
  topicPrefixField,
  topicsCanBeWritten,
  topicSettingsFields,
} from '@tidemark/process';
import { z } from 'zod';

const [stream, leaseTable] = [streamField.TIDEMARK_STREAM_ARN, leaseTableField.TIDEMARK_LEASE_TABLE];

/** The configuration of the doctor: the variables of the processes, so that it runs wherever one of them does. */
export const doctorConfiguration = defineConfig({
  name: 'tidemark-doctor',
  description: 'says what is wrong with a region, and what to do about it.',
  schema: topicsCanBeWritten(
    awsIsComplete(
      saslIsComplete(
        z.object({
          ...regionField,
          ...kafkaFields,
          ...topicPrefixField,
          TIDEMARK_STREAM_ARN: optional(stream, {
            meaning:
              "Kinesis stream of the region's change records; without it, only Kafka is looked at, and --role sync has a problem",
            expected: 'the ARN of a stream, with TIDEMARK_LEASE_TABLE',
          }),
          TIDEMARK_LEASE_TABLE: optional(leaseTable, {
            meaning: 'DynamoDB table of shard leases and checkpoints',
            expected: '3 to 255 letters, digits, dots, underscores and hyphens, with TIDEMARK_STREAM_ARN',
          }),
          ...topicSettingsFields,
          ...readerFields,
          TIDEMARK_FAILOVER: duration({
            meaning: 'as sync has it: how soon a lease must be renewed',
            default: '10s',
            min: '1s',
            max: '5m',
          }),
          TIDEMARK_DOCTOR_DEADLINE: duration({
            meaning: 'how long each check may take; they run side by side',
            default: '20s',
            min: '5s',
            max: '5m',
          }),
          ...endpointFields,
        }),
      ),
    ),
  ),
});

function awsIsComplete<Schema extends z.ZodObject>(schema: Schema): Schema {
  const [stream, table] = ['TIDEMARK_STREAM_ARN', 'TIDEMARK_LEASE_TABLE'] as const;
  const what = `expected to be set with ${stream}, and without it not`;
  return rule(schema, table, what, (values) => (values[stream] === undefined) === (values[table] === undefined));
}

/**
 * What the environment says, as the options of `diagnose`. Variables of the processes that the doctor does not know are no mistake. Throws
 * `INVALID_CONFIGURATION`, which lists every wrong one.
 */
export function doctorOptions(environment: Environment): DoctorOptions {
  const known = doctorConfiguration.fields.map(({ name }) => [name, environment[name]] as const);
  const values = doctorConfiguration.read(Object.fromEntries(known));
  const { TIDEMARK_STREAM_ARN: streamArn, TIDEMARK_LEASE_TABLE: leaseTable, TIDEMARK_REGION: region } = values;
  const at = (endpoint: string | undefined): object => (endpoint === undefined ? { region } : { region, endpoint });
  const insync = values.TIDEMARK_TOPIC_MIN_ISR;
  const consumerName = values.TIDEMARK_CONSUMER_NAME;
  return {
    kafka: kafkaOptions(values),
    topicPrefix: values.TIDEMARK_TOPIC_PREFIX,
    topics: {
      replicationFactor: values.TIDEMARK_TOPIC_REPLICATION_FACTOR,
      tableRetentionMs: values.TIDEMARK_TOPIC_RETENTION,
      ...(insync === undefined ? {} : { minInsyncReplicas: insync }),
    },
    deadlineMs: values.TIDEMARK_DOCTOR_DEADLINE,
    ...(streamArn === undefined || leaseTable === undefined
      ? {}
      : {
          aws: {
            streamArn,
            leaseTable,
            failoverMs: values.TIDEMARK_FAILOVER,
            reader: values.TIDEMARK_READER,
            ...(consumerName === undefined ? {} : { consumerName }),
            dynamodb: at(values.TIDEMARK_DYNAMODB_ENDPOINT),
            kinesis: at(values.TIDEMARK_KINESIS_ENDPOINT),
          },
        }),
  };
}
