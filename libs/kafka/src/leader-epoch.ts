import { type Batch } from 'kafkajs';
import { type LeaderEpoch } from './positions.js';

/** What kafkajs's type of a fetched batch leaves out; the version is pinned. */
interface Fetched {
  readonly rawMessages?: readonly { readonly batchContext?: { readonly partitionLeaderEpoch?: number } }[];
}

/** Of the leader that wrote the last record of it; `undefined`: it does not say. */
export function leaderEpochOf(batch: Batch): LeaderEpoch {
  const epoch = (batch as Batch & Fetched).rawMessages?.at(-1)?.batchContext?.partitionLeaderEpoch ?? -1;
  return epoch < 0 ? undefined : epoch;
}
