import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { kafkaContract } from '@tidemark/kafka/testing';
import { EmbeddedKafka } from '@tidemark/local-stack';
import { testLogger } from './test-logger.js';
import { watchRejections } from './rejections.js';
import { podFeedContract } from './change-feed.js';
import { dispatchIsolationCases } from './dispatch-isolation.js';
import { outageCases } from './outage.js';
import { podTopicContract } from './pod-registry.js';
import { routeTopicContract } from './route-log.js';

describe('the Kafka contract on the embedded broker', () => {
  const kafka = new EmbeddedKafka({ cleanIntervalMs: 500 });
  const rejections = watchRejections();
  beforeAll(() => kafka.start());
  afterAll(() => kafka.close());
  const cases = kafkaContract({
    get brokers() {
      return [kafka.address];
    },
    restartBrokers: async () => {
      await kafka.stop();
      await kafka.start();
    },
    compacts: true,
    logger: testLogger,
  });
  for (const { name, run } of cases) it(name, run, 150_000);
  for (const { name, run } of routeTopicContract(() => [kafka.address])) it(`routing log: ${name}`, run, 60_000);
  for (const { name, run } of podTopicContract(() => [kafka.address])) it(`pod registry: ${name}`, run, 60_000);
  for (const { name, run } of podFeedContract(() => [kafka.address])) it(`change feed: ${name}`, run, 60_000);
  for (const { name, run } of dispatchIsolationCases(() => [kafka.address])) it(`isolation: ${name}`, run, 150_000);
  const outages = {
    get brokers() {
      return [kafka.address];
    },
    stop: () => kafka.stop(),
    start: () => kafka.start(),
  };
  for (const { name, run } of outageCases(outages)) it(`outage: ${name}`, run, 150_000);
  it('leaves no rejection unhandled', () => expect(rejections()).toEqual([]));
});
