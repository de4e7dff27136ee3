import {
  choice,
  defineConfig,
  duration,
  endpointFields,
  kafkaFields,
  kafkaOptions,
  leaseTableField,
  optional,
  processFields,
  readerFields,
  regionField,
  saslIsComplete,
  streamField,
  streamIsInRegion,
  topicPrefixField,
  topicsCanBeWritten,
  topicSettingsFields,
  wholeNumber,
} from '@tidemark/process';
import { type SyncOptions } from '@tidemark/services';
import { z } from 'zod';

/** The configuration of sync. */
export const configuration = defineConfig({
  name: 'tidemark-sync',
  description: "reads the region's stream of change records and writes their events to the table topics.",
  schema: streamIsInRegion(
    topicsCanBeWritten(
      saslIsComplete(
        z.object({
          ...regionField,
          ...streamField,
          ...leaseTableField,
          ...kafkaFields,
          ...topicPrefixField,
          TIDEMARK_TOPIC_PARTITIONS: wholeNumber({
            meaning: 'partitions of a table topic that sync creates; never changes afterwards',
            default: 4,
            min: 1,
            max: 1_000,
          }),
          ...topicSettingsFields,
          ...readerFields,
          TIDEMARK_POLL_INTERVAL: duration({
            meaning: 'pause between reads of a shard that has no more records',
            default: '200ms',
            min: '200ms',
            max: '1m',
          }),
          TIDEMARK_PAGE_BUDGET: wholeNumber({
            meaning: 'MiB of pages of the stream in hand at once, over all shards; each counts as 10 until it has come',
            default: 64,
            min: 16,
            max: 4_096,
          }),
          TIDEMARK_DESTINATION_INTERVAL: duration({
            meaning:
              "a table's streaming destination is looked at twice in it; off and on again within one and a half of it goes unnoticed",
            default: '1m',
            min: '1s',
            max: '1h',
          }),
          TIDEMARK_FAILOVER: duration({
            meaning: 'a shard lease that was not renewed for so long may be taken by another worker',
            default: '10s',
            min: '1s',
            max: '5m',
          }),
          TIDEMARK_WORKER_ID: optional(z.string().regex(/^[a-zA-Z0-9._:-]{1,128}$/), {
            meaning: 'owner written into leases, unique among running workers; random at each start when left out',
            expected: '1 to 128 letters, digits, dots, underscores, colons and hyphens',
          }),
          TIDEMARK_BINARY_ENCODING: choice(
            'how often change records base64-encode binary attributes; AWS documents twice',
            ['once', 'twice'],
            'twice',
          ),
          ...endpointFields,
          ...processFields(8_081),
        }),
      ),
    ),
  ),
});

export type SyncConfiguration = ReturnType<typeof configuration.read>;

/** The options of `startSync`, from checked values. */
export function syncOptions(values: SyncConfiguration): SyncOptions {
  return {
    region: values.TIDEMARK_REGION,
    kafka: kafkaOptions(values),
    topicPrefix: values.TIDEMARK_TOPIC_PREFIX,
    streamArn: values.TIDEMARK_STREAM_ARN,
    leaseTable: values.TIDEMARK_LEASE_TABLE,
    dynamodbEndpoint: values.TIDEMARK_DYNAMODB_ENDPOINT,
    kinesisEndpoint: values.TIDEMARK_KINESIS_ENDPOINT,
    workerId: values.TIDEMARK_WORKER_ID,
    failoverMs: values.TIDEMARK_FAILOVER,
    reader: values.TIDEMARK_READER,
    consumerName: values.TIDEMARK_CONSUMER_NAME,
    pollIntervalMs: values.TIDEMARK_POLL_INTERVAL,
    pageBudgetBytes: values.TIDEMARK_PAGE_BUDGET * 1_024 * 1_024,
    destinationIntervalMs: values.TIDEMARK_DESTINATION_INTERVAL,
    topicPartitions: values.TIDEMARK_TOPIC_PARTITIONS,
    topicReplicationFactor: values.TIDEMARK_TOPIC_REPLICATION_FACTOR,
    topicMinInsyncReplicas: values.TIDEMARK_TOPIC_MIN_ISR,
    topicRetentionMs: values.TIDEMARK_TOPIC_RETENTION,
    binaryEncoding: values.TIDEMARK_BINARY_ENCODING,
  };
}
