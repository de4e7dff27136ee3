import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EmbeddedKafka } from '@tidemark/local-stack';
import { caseTimeoutMs, wholeContract } from './contract.js';
import { watchRejections } from './rejections.js';
import { testLogger } from './test-logger.js';

describe('the Kafka contract on the embedded broker', () => {
  const kafka = new EmbeddedKafka({ cleanIntervalMs: 500 });
  const rejections = watchRejections();
  beforeAll(() => kafka.start());
  afterAll(() => kafka.close());
  const harness = {
    get brokers() {
      return [kafka.address];
    },
    compacts: true,
    cut: (topic: string, from: bigint) => kafka.faults.truncateFrom({ topic, partition: 0 }, from),
    loseLeader: (topic: string) => kafka.faults.loseLeader(topic),
    logger: testLogger,
  };
  for (const { name, run } of wholeContract(harness)) it.concurrent(name, run, caseTimeoutMs);
  it('leaves no rejection unhandled', () => expect(rejections()).toEqual([]));
});
