import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { kafkaRestartContract } from '@tidemark/kafka/testing';
import { caseTimeoutMs } from './contract.js';
import { describeOnApache } from './on-apache.js';
import { outageCases } from './outage.js';
import { type RealKafka, startKafka } from './real-kafka.mjs';
import { watchRejections } from './rejections.js';
import { testLogger } from './test-logger.js';

describeOnApache('the Kafka contract while brokers are away,', () => {
  let kafka: RealKafka | undefined;
  beforeAll(async () => {
    kafka = await startKafka();
  }, 120_000);
  afterAll(() => kafka?.stop(), 30_000);
  const rejections = watchRejections();
  const owned = {
    get brokers() {
      return kafka?.brokers ?? [];
    },
    logger: testLogger,
    restartBrokers: async () => kafka?.restart(0),
    stop: async () => kafka?.kill(0),
    start: async () => kafka?.restart(0),
  };
  for (const { name, run } of kafkaRestartContract(owned)) it(name, run, caseTimeoutMs);
  for (const { name, run } of outageCases(owned)) it(`outage: ${name}`, run, caseTimeoutMs);
  it('leaves no rejection unhandled', () => expect(rejections()).toEqual([]));
});
