/** For checkers that drive the shipped code; not part of the public API, and may change with any release. */
export { type Batch, type KafkaMessage } from 'kafkajs';
export { withAdmin } from './admin-call.js';
export { Conditions } from './conditions.js';
export { type FetchPlace, type RefusedPlace } from './fetch-places.js';
export {
  believeAgain,
  type Diverging,
  epochOf,
  mayBeOfEpoch,
  offsetOutOfRange,
  unknownTopicId,
  whyRefused,
} from './fetch-verdict.js';
export { FollowedTopics, type TailedTopic } from './followed-topics.js';
export { Generation, Lane } from './generation.js';
export { groupMetrics } from './group-metrics.js';
export { GroupPlaces } from './group-places.js';
export { type KafkaClient } from './kafka-client.js';
export { type LaneBatch } from './lane-runner.js';
export { LaneWork } from './lane-work.js';
export { leaderEpochOf } from './leader-epoch.js';
export { type LogTailHandler } from './log-tail-options.js';
export { resumeLanes } from './resume-lanes.js';
export { rewindLane } from './rewind-lane.js';
export { TailDelivery } from './tail-delivery.js';
export { TailEnds } from './tail-ends.js';
export { tailMetrics } from './tail-metrics.js';
export { TailPlaces } from './tail-places.js';
export { fromKafka, toKafka } from './wire.js';
