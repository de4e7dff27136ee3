import { type Clock } from '@tidemark/runtime';
import { type GroupCoordinator } from './group-coordinator.js';
import { type ProducerIds } from './producer-ids.js';
import { type Topics } from './topics.js';

/** The id of this broker, which is alone. */
export const nodeId = 1;

/** What requests are answered from. */
export interface BrokerState {
  readonly clock: Clock;
  readonly topics: Topics;
  readonly groups: GroupCoordinator;
  readonly producerIds: ProducerIds;
  readonly autoCreateTopics: boolean;
  /** Where clients are sent. */
  readonly host: string;
  port: number;
}
