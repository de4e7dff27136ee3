import { type ContractCase } from '@tidemark/runtime/testing';
import { type KafkaHarness, type RestartableKafka } from './contract-world.js';
import { groupConsumerCases, groupConsumerRestartCases } from './group-consumer-cases.js';
import { groupLanesCases } from './group-lanes-cases.js';
import { groupRewindCases } from './group-rewind-cases.js';
import { groupViewCases } from './group-view-cases.js';
import { type LoseLeader, leaderlessCases } from './leaderless-cases.js';
import { type Cut, otherLogCases } from './other-log-cases.js';
import { podFeedCases, podFeedRestartCases } from './pod-feed-cases.js';
import { podTopicCases, podTopicRestartCases } from './pod-topic-cases.js';
import { producerCases } from './producer-cases.js';
import { routeHistoryCases } from './route-history-cases.js';
import { routeTopicCases } from './route-topic-cases.js';
import { topicCheckCases } from './topic-check-cases.js';
import { writerElectionCases } from './writer-election-cases.js';

export { type KafkaHarness, type RestartableKafka } from './contract-world.js';
export { type LoseLeader } from './leaderless-cases.js';
export { type Cut } from './other-log-cases.js';
export { type SilentTopicClient, silentTopicClient } from './silent-topic-client.js';

/** What Tidemark relies on in Kafka: every case is a promise of `@tidemark/kafka` that must hold on the Kafka it is given. Cases may run side by side. */
export function kafkaContract(
  harness: KafkaHarness & { readonly cut?: Cut; readonly loseLeader?: LoseLeader },
): ContractCase[] {
  return [
    ...producerCases(harness),
    ...routeTopicCases(harness),
    ...routeHistoryCases(harness),
    ...writerElectionCases(harness),
    ...topicCheckCases(harness),
    ...podFeedCases(harness),
    ...podTopicCases(harness),
    ...groupConsumerCases(harness),
    ...groupLanesCases(harness),
    ...groupRewindCases(harness),
    ...groupViewCases(harness),
    ...otherLogCases(harness),
    ...leaderlessCases(harness),
  ];
}

/** What of it holds while every broker is killed: nothing else may run on them meanwhile, nor may two of these cases. */
export function kafkaRestartContract(harness: RestartableKafka): ContractCase[] {
  return [...podFeedRestartCases(harness), ...podTopicRestartCases(harness), ...groupConsumerRestartCases(harness)];
}
