import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type KafkaHarness } from '@tidemark/kafka/testing';
import { caseTimeoutMs, wholeContract } from './contract.js';
import { describeOnApache } from './on-apache.js';
import { type RealKafka, startKafka } from './real-kafka.mjs';
import { watchRejections } from './rejections.js';
import { testLogger } from './test-logger.js';

const external = process.env['TIDEMARK_TEST_KAFKA'];

/** Cleans compacted topics within a second instead of a quarter of a minute. */
const properties = { 'log.cleaner.backoff.ms': 200, 'log.retention.check.interval.ms': 500 };

if (external !== undefined)
  describe(`the Kafka contract on ${external}`, () => hold({ brokers: external.split(','), logger: testLogger }));
else
  describeOnApache('the Kafka contract', () => {
    let kafka: RealKafka | undefined;
    beforeAll(async () => {
      kafka = await startKafka({ properties });
    }, 120_000);
    afterAll(() => kafka?.stop(), 30_000);
    hold({
      get brokers() {
        return kafka?.brokers ?? [];
      },
      compacts: true,
      logger: testLogger,
    });
  });

function hold(harness: KafkaHarness): void {
  const rejections = watchRejections();
  for (const { name, run } of wholeContract(harness)) it.concurrent(name, run, caseTimeoutMs);
  it('leaves no rejection unhandled', () => expect(rejections()).toEqual([]));
}
