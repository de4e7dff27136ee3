import { type Cut, kafkaContract, type KafkaHarness, type LoseLeader } from '@tidemark/kafka/testing';
import { type ContractCase } from '@tidemark/runtime/testing';
import { podFeedContract } from './change-feed.js';
import { dispatchIsolationCases } from './dispatch-isolation.js';
import { podTopicContract } from './pod-registry.js';
import { routeTopicContract } from './route-log.js';

/** A case waits for sessions and time-outs most of its time; this includes its turn on a busy machine. */
export const caseTimeoutMs = 150_000;

/** All that is promised on brokers that stay up. Each case has topics and groups of its own: they may run side by side. The longest come first. */
export function wholeContract(
  harness: KafkaHarness & { readonly cut?: Cut; readonly loseLeader?: LoseLeader },
): ContractCase[] {
  return [
    ...named('isolation', dispatchIsolationCases(harness)),
    ...kafkaContract(harness),
    ...named('routing log', routeTopicContract(harness)),
    ...named('pod registry', podTopicContract(harness)),
    ...named('change feed', podFeedContract(harness)),
  ];
}

function named(what: string, cases: readonly ContractCase[]): ContractCase[] {
  return cases.map(({ name, run }) => ({ name: `${what}: ${name}`, run }));
}
