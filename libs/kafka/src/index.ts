export { CompactedTopic, type CompactedTopicOptions } from './compacted-topic.js';
export { GroupConsumer, type GroupConsumerOptions } from './group-consumer.js';
export { createKafkaClient, type KafkaClient, type KafkaClientOptions } from './kafka-client.js';
export { type CreateTopics } from './partition-counts.js';
export { PodFeed, type PodFeedOptions } from './pod-feed.js';
export { PodTopic, type PodTopicOptions } from './pod-topic.js';
export { KafkaProducer, type KafkaProducerOptions } from './producer.js';
export { RouteTopic, type RouteTopicOptions } from './route-topic.js';
export { KafkaTopicAdmin, type KafkaTopicAdminOptions, type TopicSpec } from './topic-admin.js';
