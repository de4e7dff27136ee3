import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { configuration, dispatcherOptions } from './configuration.js';

const least = { TIDEMARK_REGION: 'eu-west-1', TIDEMARK_KAFKA_BROKERS: 'kafka-1:9092' };

describe('the configuration of the dispatcher', () => {
  it('needs two variables and has defaults for the rest', () => {
    expect(dispatcherOptions(configuration.read(least))).toEqual({
      region: 'eu-west-1',
      kafka: { brokers: ['kafka-1:9092'], ssl: false },
      topicPrefix: 'tidemark',
      sessionTimeoutMs: 6_000,
    });
    expect(configuration.fields.filter((field) => field.required)).toHaveLength(Object.keys(least).length);
  });

  it('takes every option from its own variable', () => {
    const sasl = {
      TIDEMARK_KAFKA_SASL_MECHANISM: 'scram-sha-256',
      TIDEMARK_KAFKA_SASL_USERNAME: 'u',
      TIDEMARK_KAFKA_SASL_PASSWORD: 'p',
    };
    const values = configuration.read({
      ...least,
      ...sasl,
      TIDEMARK_KAFKA_SSL: 'true',
      TIDEMARK_TOPIC_PREFIX: 'acme',
      TIDEMARK_SESSION_TIMEOUT: '30s',
      TIDEMARK_RACK_ID: 'euw1-az1',
      TIDEMARK_TOPIC_MIN_ISR: '2',
    });
    expect(dispatcherOptions(values)).toEqual({
      region: 'eu-west-1',
      kafka: {
        brokers: ['kafka-1:9092'],
        ssl: true,
        sasl: { mechanism: 'scram-sha-256', username: 'u', password: 'p' },
      },
      topicPrefix: 'acme',
      sessionTimeoutMs: 30_000,
      rackId: 'euw1-az1',
      topicMinInsyncReplicas: 2,
    });
  });

  it('stands in the README as it is', () => {
    const normal = (text: string): string =>
      text.replaceAll(/ {2,}|-{3,}/g, (run) => (run.startsWith(' ') ? ' ' : '---'));
    const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8');
    expect(normal(readme)).toContain(normal(configuration.markdownTable()));
  });
});
