import type ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';
import { kafkaErrorType } from './kafka-error.js';

/** What of a membership is needed for it; `offsetManager` is another one after each join. */
export type Heard = Pick<ConsumerGroup, 'heartbeat' | 'coordinator'> & {
  readonly offsetManager: Pick<NonNullable<ConsumerGroup['offsetManager']>, 'coordinator'> | null;
};

/**
 * Has a member look for its group's coordinator as soon as that cannot be reached, and go on there as the member it is, as Kafka's own client does.
 *
 * Of its own, kafkajs looks for it when it joins, and until then asks the broker that is gone for as long as it is gone: nothing can be committed,
 * and what waits for a commit is not handed over.
 *
 * `find`: of that group, connected. One look-up at a time; the next failed heartbeat begins another.
 */
export function followCoordinator(membership: Heard, find: () => Promise<object>): void {
  const heartbeat = membership.heartbeat.bind(membership);
  let looking: Promise<void> | undefined;
  membership.heartbeat = async (of) => {
    try {
      await heartbeat(of);
    } catch (error) {
      // What Kafka has a name for was answered by the coordinator, or by a broker that says that it is none.
      if (kafkaErrorType(error) === undefined)
        looking ??= lookUp(membership, find).finally(() => (looking = undefined));
      throw error;
    }
  };
}

/** Never rejects. */
async function lookUp(membership: Heard, find: () => Promise<object>): Promise<void> {
  const { offsetManager } = membership;
  const coordinator = await find().catch(() => undefined);
  // Who has joined meanwhile has found it.
  if (coordinator === undefined || offsetManager === null || membership.offsetManager !== offsetManager) return;
  membership.coordinator = coordinator;
  offsetManager.coordinator = coordinator;
}
