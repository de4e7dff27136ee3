import { decodeLogNote, decodeRewindNote } from '@tidemark/protocol';
import { type Clock } from '@tidemark/runtime';
import { withAdmin } from './admin-call.js';
import { type Generation } from './generation.js';
import { type KafkaClient } from './kafka-client.js';

export interface ResumeLanesOptions {
  readonly client: KafkaClient;
  readonly clock: Clock;
  readonly groupId: string;
  readonly topics: readonly string[];
}

/** Bound on the question, ms. */
const timeoutMs = 3_000;

/** Has the lanes of a generation go on after what the group has committed, in the log that is noted there. Rejects where the group cannot be asked. */
export async function resumeLanes(
  { client, clock, groupId, topics }: ResumeLanesOptions,
  previous: Generation | undefined,
  generation: Generation,
): Promise<void> {
  const committed = await withAdmin({ client, clock, timeoutMs, signal: generation.signal }, (admin) =>
    admin.fetchOffsets({ groupId, topics: [...topics] }),
  );
  for (const { topic, partitions } of committed)
    for (const { partition, offset, metadata } of partitions) {
      const lane = generation.lane(topic, partition);
      if (lane === undefined) continue;
      const before = previous?.lane(topic, partition);
      lane.log = decodeLogNote(metadata) ?? before?.log;
      lane.resume(BigInt(offset), decodeRewindNote(metadata), before, previous?.memberId === generation.memberId);
    }
}
