export { type AdminCallOptions, withAdmin } from './admin-call.js';
export { CompactedTopic, type CompactedTopicOptions } from './compacted-topic.js';
export { GroupConsumer, type GroupConsumerOptions } from './group-consumer.js';
export { createKafkaClient, type KafkaClient, type KafkaClientOptions } from './kafka-client.js';
export { type CreateTopics } from './partition-counts.js';
export { PodFeed, type PodFeedOptions } from './pod-feed.js';
export { PodTopic, type PodTopicOptions } from './pod-topic.js';
export { KafkaProducer, type KafkaProducerOptions } from './producer.js';
export { RouteHistoryTopic, type RouteHistoryTopicOptions } from './route-history-topic.js';
export { RouteTopic, type RouteTopicOptions } from './route-topic.js';
export { type TopicOperation } from './topic-operations.js';
export { checkTopics, type TopicCheckOptions, type TopicReport, topicsInvalid } from './topic-check.js';
export {
  type AilingPartition,
  configsOfRole,
  type FoundTopic,
  type TopicProblem,
  topicProblems,
  topicProblemText,
  type TopicRole,
  topicRole,
  type TopicSettings,
} from './topic-requirements.js';
export { KafkaTopicAdmin, type KafkaTopicAdminOptions, type TopicSpec } from './topic-admin.js';
export { type GroupMember, KafkaWriterElection, type KafkaWriterElectionOptions } from './writer-election.js';
export { TopicWatch, type TopicWatchOptions } from './topic-watch.js';
