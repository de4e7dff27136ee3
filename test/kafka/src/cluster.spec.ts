import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { kafkaRestartContract } from '@tidemark/kafka/testing';
import { clusterFaults } from './cluster/cluster-faults.js';
import { onlyReplicaAway } from './cluster/only-replica-away.js';
import { readersInRacks } from './cluster/readers-in-racks.js';
import { uncleanElection } from './cluster/unclean-election.js';
import { caseTimeoutMs, wholeContract } from './contract.js';
import { describeOnApache } from './on-apache.js';
import { outageCases } from './outage.js';
import { type RealKafka, startKafka } from './real-kafka.mjs';
import { watchRejections } from './rejections.js';
import { testLogger } from './test-logger.js';

/** The whole contract and every fault in a long run; one fault of each kind in the ordinary one. */
const isLong = process.env['TIDEMARK_TEST_KAFKA_CLUSTER'] === 'long';
const seed = Number(process.env['TIDEMARK_TEST_SEED'] ?? Date.now() % 1_000_000);
const faultTimeoutMs = 300_000;

const properties = {
  'default.replication.factor': 3,
  'min.insync.replicas': 2,
  'log.cleaner.backoff.ms': 200,
  'log.retention.check.interval.ms': 500,
};

const racks = ['zone-a', 'zone-b', 'zone-c'];

describeOnApache('three brokers', () => {
  let kafka: RealKafka | undefined;
  beforeAll(async () => {
    kafka = await startKafka({ brokers: 3, properties, racks });
  }, 300_000);
  afterAll(() => kafka?.stop(), 30_000);
  const rejections = watchRejections();
  const running = (): RealKafka => {
    if (kafka === undefined) throw new Error('the brokers have not started');
    return kafka;
  };
  const forAll = (act: (index: number) => Promise<void>): Promise<unknown> =>
    Promise.all([...running().brokers.keys()].map(act));
  const start = async (): Promise<void> => void (await forAll((index) => running().restart(index)));
  const stop = async (): Promise<void> => void (await forAll((index) => running().kill(index)));
  const owned = {
    get brokers() {
      return kafka?.brokers ?? [];
    },
    ...{ replicationFactor: 3, compacts: true, logger: testLogger, start, stop },
    restartBrokers: async () => {
      await stop();
      await start();
    },
  };

  describe(`a pipeline and its pods, seed ${seed}`, () => {
    for (const { name, run } of clusterFaults(() => ({ kafka: running(), seed }), isLong))
      it(`nothing lost, nothing divergent: ${name}`, run, faultTimeoutMs);
  });
  if (isLong)
    it(
      'hazard 52: the log of a leader that lacks records is read from its start, behind a gap, though it has outgrown its readers',
      () => uncleanElection(running()),
      faultTimeoutMs,
    );
  if (isLong)
    it(
      'readers in racks ask no more than others once leaders have changed, and wait for no broker of their rack that is away',
      () => readersInRacks(running(), racks),
      faultTimeoutMs,
    );
  if (isLong)
    it(
      'hazard 67: all goes on but what has its only replica on a broker that is away, and that once it is back',
      () => onlyReplicaAway(running()),
      faultTimeoutMs,
    );
  if (isLong)
    describe('the contract', () => {
      for (const { name, run } of wholeContract(owned)) it.concurrent(name, run, caseTimeoutMs);
      for (const { name, run } of kafkaRestartContract(owned)) it(name, run, caseTimeoutMs);
      for (const { name, run } of outageCases(owned)) it(`outage: ${name}`, run, caseTimeoutMs);
    });
  it('leaves no rejection unhandled', () => expect(rejections()).toEqual([]));
});
