import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { kafkaContract, type KafkaHarness } from '@tidemark/kafka/testing';
import { available, type RealKafka, startKafka } from './real-kafka.mjs';
import { testLogger } from './test-logger.js';
import { watchRejections } from './rejections.js';
import { podFeedContract } from './change-feed.js';
import { dispatchIsolationCases } from './dispatch-isolation.js';
import { outageCases, type Outages } from './outage.js';
import { podTopicContract } from './pod-registry.js';
import { routeTopicContract } from './route-log.js';

const external = process.env['TIDEMARK_TEST_KAFKA'];
const required = process.env['TIDEMARK_REQUIRE_KAFKA'] === '1' || process.env['CI'] === 'true';
const caseTimeoutMs = 150_000;

/** Cleans compacted topics within a second instead of a quarter of a minute. */
const properties = { 'log.cleaner.backoff.ms': 200, 'log.retention.check.interval.ms': 500 };

if (external !== undefined) {
  describe(`the Kafka contract on ${external}`, () => hold({ brokers: external.split(','), logger: testLogger }));
} else {
  const possible = available();
  describe(`the Kafka contract on Apache Kafka ${possible.ok ? possible.version : ''}`, () =>
    possible.ok ? onOwnBroker() : notRun(possible.reason));
}

function onOwnBroker(): void {
  let kafka: RealKafka | undefined;
  beforeAll(async () => {
    kafka = await startKafka({ properties });
  }, 120_000);
  afterAll(() => kafka?.stop(), 30_000);
  hold({
    get brokers() {
      return kafka?.brokers ?? [];
    },
    restartBrokers: async () => kafka?.restart(0),
    compacts: true,
    logger: testLogger,
  });
  const outages: Outages = {
    get brokers() {
      return kafka?.brokers ?? [];
    },
    stop: async () => kafka?.kill(0),
    start: async () => kafka?.restart(0),
  };
  for (const { name, run } of outageCases(outages)) it(`outage: ${name}`, run, caseTimeoutMs);
}

function hold(harness: KafkaHarness): void {
  const rejections = watchRejections();
  for (const { name, run } of kafkaContract(harness)) it(name, run, caseTimeoutMs);
  for (const { name, run } of routeTopicContract(() => harness.brokers)) it(`routing log: ${name}`, run, caseTimeoutMs);
  for (const { name, run } of podTopicContract(() => harness.brokers)) it(`pod registry: ${name}`, run, caseTimeoutMs);
  for (const { name, run } of podFeedContract(() => harness.brokers)) it(`change feed: ${name}`, run, caseTimeoutMs);
  for (const { name, run } of dispatchIsolationCases(() => harness.brokers))
    it(`isolation: ${name}`, run, caseTimeoutMs);
  it('leaves no rejection unhandled', () => expect(rejections()).toEqual([]));
}

function notRun(reason: string): void {
  it('could not be run', () => {
    const line = `NOT RUN: the Kafka contract on Apache Kafka, because ${reason}; TIDEMARK_TEST_KAFKA=host:port names a broker to use`;
    console.warn(line);
    if (required) throw new Error(line);
  });
}
