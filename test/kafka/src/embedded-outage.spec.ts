import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { kafkaRestartContract } from '@tidemark/kafka/testing';
import { EmbeddedKafka } from '@tidemark/local-stack';
import { caseTimeoutMs } from './contract.js';
import { outageCases } from './outage.js';
import { watchRejections } from './rejections.js';
import { testLogger } from './test-logger.js';

describe('the Kafka contract while the embedded broker is away', () => {
  const kafka = new EmbeddedKafka();
  const rejections = watchRejections();
  beforeAll(() => kafka.start());
  afterAll(() => kafka.close());
  const owned = {
    get brokers() {
      return [kafka.address];
    },
    logger: testLogger,
    restartBrokers: async () => {
      await kafka.stop();
      await kafka.start();
    },
    stop: () => kafka.stop(),
    start: () => kafka.start(),
  };
  for (const { name, run } of kafkaRestartContract(owned)) it(name, run, caseTimeoutMs);
  for (const { name, run } of outageCases(owned)) it(`outage: ${name}`, run, caseTimeoutMs);
  it('leaves no rejection unhandled', () => expect(rejections()).toEqual([]));
});
