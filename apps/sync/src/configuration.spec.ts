import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { configuration, syncOptions } from './configuration.js';

const least = {
  TIDEMARK_REGION: 'eu-west-1',
  TIDEMARK_STREAM_ARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/tidemark',
  TIDEMARK_LEASE_TABLE: 'tidemark-leases',
  TIDEMARK_KAFKA_BROKERS: 'kafka-1:9092',
};

describe('the configuration of sync', () => {
  it('needs four variables and has defaults for the rest', () => {
    expect(syncOptions(configuration.read(least))).toEqual({
      region: 'eu-west-1',
      kafka: { brokers: ['kafka-1:9092'], ssl: false },
      topicPrefix: 'tidemark',
      streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/tidemark',
      leaseTable: 'tidemark-leases',
      failoverMs: 10_000,
      reader: 'polling',
      pollIntervalMs: 200,
      pageBudgetBytes: 67_108_864,
      destinationIntervalMs: 60_000,
      topicPartitions: 4,
      topicReplicationFactor: 3,
      topicMinInsyncReplicas: undefined,
      topicRetentionMs: 259_200_000,
      binaryEncoding: 'twice',
    });
    expect(configuration.fields.filter((field) => field.required)).toHaveLength(Object.keys(least).length);
  });

  it('takes every option from its own variable', () => {
    const all = {
      ...least,
      TIDEMARK_KAFKA_SSL: 'true',
      TIDEMARK_KAFKA_SASL_MECHANISM: 'plain',
      TIDEMARK_KAFKA_SASL_USERNAME: 'u',
      TIDEMARK_KAFKA_SASL_PASSWORD: 'p',
      TIDEMARK_TOPIC_PREFIX: 'acme',
      TIDEMARK_TOPIC_PARTITIONS: '6',
      TIDEMARK_TOPIC_REPLICATION_FACTOR: '2',
      TIDEMARK_TOPIC_MIN_ISR: '1',
      TIDEMARK_TOPIC_RETENTION: '1d',
      TIDEMARK_READER: 'fan-out',
      TIDEMARK_CONSUMER_NAME: 'acme-sync',
      TIDEMARK_POLL_INTERVAL: '2s',
      TIDEMARK_PAGE_BUDGET: '32',
      TIDEMARK_DESTINATION_INTERVAL: '30s',
      TIDEMARK_FAILOVER: '30s',
      TIDEMARK_WORKER_ID: 'worker-1',
      TIDEMARK_BINARY_ENCODING: 'once',
      TIDEMARK_DYNAMODB_ENDPOINT: 'http://127.0.0.1:8000',
      TIDEMARK_KINESIS_ENDPOINT: 'http://127.0.0.1:4567',
      TIDEMARK_HTTP_HOST: '0.0.0.0',
      TIDEMARK_HTTP_PORT: '0',
      TIDEMARK_LOG_LEVEL: 'warn',
    };
    expect(Object.keys(all).sort()).toEqual(configuration.fields.map((field) => field.name).sort());
    expect(syncOptions(configuration.read(all))).toEqual({
      region: 'eu-west-1',
      kafka: { brokers: ['kafka-1:9092'], ssl: true, sasl: { mechanism: 'plain', username: 'u', password: 'p' } },
      topicPrefix: 'acme',
      streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/tidemark',
      leaseTable: 'tidemark-leases',
      dynamodbEndpoint: 'http://127.0.0.1:8000',
      kinesisEndpoint: 'http://127.0.0.1:4567',
      workerId: 'worker-1',
      failoverMs: 30_000,
      reader: 'fan-out',
      consumerName: 'acme-sync',
      pollIntervalMs: 2_000,
      pageBudgetBytes: 33_554_432,
      destinationIntervalMs: 30_000,
      topicPartitions: 6,
      topicReplicationFactor: 2,
      topicMinInsyncReplicas: 1,
      topicRetentionMs: 86_400_000,
      binaryEncoding: 'once',
    });
  });

  it('refuses topics that could never be written', () => {
    const env = { ...least, TIDEMARK_TOPIC_REPLICATION_FACTOR: '2', TIDEMARK_TOPIC_MIN_ISR: '3' };
    expect(() => configuration.read(env)).toThrow(
      'TIDEMARK_TOPIC_MIN_ISR: expected at most TIDEMARK_TOPIC_REPLICATION_FACTOR, got "3"',
    );
  });

  it('stands in the README as it is', () => {
    const normal = (text: string): string =>
      text.replaceAll(/ {2,}|-{3,}/g, (run) => (run.startsWith(' ') ? ' ' : '---'));
    const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8');
    expect(normal(readme)).toContain(normal(configuration.markdownTable()));
  });
});
