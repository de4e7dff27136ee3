import { type Batch } from 'kafkajs';
import { type LeaderEpoch } from './positions.js';

interface RawMessage {
  readonly offset: string;
  readonly batchContext?: { readonly partitionLeaderEpoch?: number };
}

/** What kafkajs's type of a fetched batch leaves out; the version is pinned. */
interface Fetched {
  readonly rawMessages?: readonly RawMessage[];
}

/** Of the leader that wrote the last record of it; `undefined`: it does not say. */
export function leaderEpochOf(batch: Batch): LeaderEpoch {
  return epochOf((batch as Batch & Fetched).rawMessages?.at(-1));
}

/** Of the leader that wrote the last record before `offset`; `undefined`: the batch has none there, or does not say. */
export function leaderEpochBefore(batch: Batch, offset: bigint): LeaderEpoch {
  return epochOf((batch as Batch & Fetched).rawMessages?.findLast((message) => BigInt(message.offset) < offset));
}

function epochOf(message: RawMessage | undefined): LeaderEpoch {
  const epoch = message?.batchContext?.partitionLeaderEpoch ?? -1;
  return epoch < 0 ? undefined : epoch;
}
