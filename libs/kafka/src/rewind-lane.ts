import { type Rewind, type RewindOutcome } from '@tidemark/pipeline';
import { hasDone, type RewindStart, rewound } from '@tidemark/protocol';
import { type Clock, TidemarkError, withDeadline } from '@tidemark/runtime';
import { type Consumer, type OffsetsByTopicPartition } from 'kafkajs';
import { boundsOf, offsetsSince, withAdmin } from './admin-call.js';
import { commitMetadata } from './commit-metadata.js';
import { type Generation, type Lane } from './generation.js';
import { type KafkaClient } from './kafka-client.js';
import { adminFailed } from './topic-admin.js';

export interface RewindTools {
  readonly client: KafkaClient;
  readonly clock: Clock;
  readonly consumer: Pick<Consumer, 'seek'>;
  /** One attempt, in the name of this generation, given up where `isDue` no longer holds when it can be sent. */
  readonly commit: (offsets: OffsetsByTopicPartition, isDue: () => boolean) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Bound on each of the two questions to the brokers, ms. */
const timeoutMs = 5_000;

/**
 * Sets a lane back, between two batches, by one commit of offset and note. A commit whose answer is lost may have taken place: then the lane goes on as
 * before, its next commit takes the note away again, and the rewind is done anew. Rejects where the brokers do not answer.
 */
export async function rewindLane(
  lane: Lane,
  generation: Generation,
  { id, to }: Rewind,
  tools: RewindTools,
): Promise<RewindOutcome> {
  await generation.ready;
  if (generation.closing.aborted) return 'gone';
  if (hasDone(lane.note, id)) return 'done';
  const start = await startOf(lane, to, tools);
  return generation.run(lane, async () => {
    if (generation.closing.aborted) return 'gone';
    if (hasDone(lane.note, id)) return 'done';
    const { next } = lane;
    if (next === undefined) return beginAnyway(lane, id);
    const after = rewound(next, lane.note, id, start);
    const { topic, partition } = lane;
    const offset = String(after.offset);
    const partitions = [{ partition, offset, metadata: commitMetadata(after.note, lane.log) }];
    const offsets = { topics: [{ topic, partitions }] };
    const { clock, commit, consumer, signal } = tools;
    const what = 'kafka group: commit of a rewind';
    // Behind the deadline the lane goes on, so that a late attempt would undo commits that are newer, and in a later generation those of others.
    await answered(() =>
      withDeadline({ clock, timeoutMs, what, signal }, (due) =>
        commit(offsets, () => !due.aborted && !generation.over),
      ),
    );
    if (generation.over) return 'gone';
    lane.goBack(after);
    if (!lane.held) consumer.seek({ topic, partition, offset });
    return 'rewound';
  });
}

/** It begins at the start of its topic, so there is nowhere to go back to; its first commit says so. */
function beginAnyway(lane: Lane, id: number): RewindOutcome {
  if (!lane.isRead) {
    const message = `the committed offset of ${lane.topic}/${lane.partition} is not known`;
    throw new TidemarkError('FEED_UNAVAILABLE', message, { retriable: true });
  }
  lane.note = { id, until: 0n, lost: false };
  return 'rewound';
}

async function startOf({ topic, partition }: Lane, to: number, tools: RewindTools): Promise<RewindStart> {
  const { client, clock, signal } = tools;
  return answered(() =>
    withAdmin({ client, clock, timeoutMs, signal }, async (admin) => {
      const offset = (await offsetsSince(admin, topic, to))[partition];
      const low = (await boundsOf(admin, topic))?.low[partition];
      if (offset === undefined || low === undefined) throw new Error(`no partition ${topic}/${partition}`);
      return { offset, lost: low > 0n && offset <= low };
    }),
  );
}

async function answered<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    throw adminFailed(error);
  }
}
