import { describe, expect, it } from '@jest/globals';
import { MetricRegistry, silentLogger, systemClock } from '@tidemark/runtime';
import { aws } from './index.js';

const context = {
  service: 'test',
  podId: 'p',
  clock: systemClock,
  logger: silentLogger,
  metrics: new MetricRegistry(),
};

describe('aws', () => {
  it.each<[string, Parameters<typeof aws>[0], RegExp]>([
    [
      'a region',
      { region: 'EU West', kafka: { brokers: ['a:1'] } },
      /aws\.region: expected a region such as eu-west-1, got "EU West"/,
    ],
    ['Kafka', { region: 'eu-west-1' } as never, /aws\.kafka: expected \{ brokers/],
    [
      'a topic prefix',
      { region: 'eu-west-1', kafka: { brokers: ['a:1'] }, topicPrefix: 'a b' },
      /aws\.topicPrefix: expected letters/,
    ],
    ['options object', undefined as never, /aws\.options: expected an object, got undefined/],
    [
      'field',
      { region: 'eu-west-1', kafka: { brokers: ['a:1'] }, topicprefix: 'mine' } as never,
      /aws\.options\.topicprefix: expected one of region, kafka, dynamodb, topicPrefix, rackId, got "an unknown field"/,
    ],
    [
      'field of Kafka',
      { region: 'eu-west-1', kafka: { brokers: ['a:1'], SSL: true } } as never,
      /aws\.kafka\.SSL: expected one of brokers, clientId, ssl/,
    ],
    [
      'DynamoDB',
      { region: 'eu-west-1', kafka: { brokers: ['a:1'] }, dynamodb: null } as never,
      /aws\.dynamodb: expected a DynamoDBClientConfig or a DynamoDBClient, got null/,
    ],
    [
      'rack',
      { region: 'eu-west-1', kafka: { brokers: ['a:1'] }, rackId: 5 } as never,
      /aws\.rackId: expected a non-empty string, got number/,
    ],
  ])('refuses a wrong %s, naming the field', (_name, options, message) => {
    expect(() => aws(options)).toThrow(message);
  });

  it('connects to nothing before it is started, and closes what was never connected', async () => {
    const backend = aws({
      region: 'eu-west-1',
      kafka: { brokers: ['127.0.0.1:1'] },
      dynamodb: { endpoint: 'http://127.0.0.1:1' },
    });
    const parts = backend.open(context);
    await expect(parts.close()).resolves.toBeUndefined();
  });

  it('names a wrong broker list when the pod is made', () => {
    const backend = aws({ region: 'eu-west-1', kafka: { brokers: ['nonsense'] } });
    expect(() => backend.open({ service: 's', podId: 'p' } as never)).toThrow(
      /kafka\.brokers: expected an array of 'host:port'/,
    );
  });
});
