import { type Batch } from 'kafkajs';
import { leaderEpochBefore } from './leader-epoch.js';
import { type LeaderEpoch } from './positions.js';

/**
 * Whether a batch that begins before the `expected` offset brings again what was handed over, and is no other log: the last record that it has before that is of
 * `epoch`, in whose leader's time the log reached the offset. All records of an epoch are its leader's, who had everything before them as well.
 *
 * kafkajs fetches twice from where it stood while a partition changes its leader: the answer of the one that is slow comes behind the other's.
 */
export function isRepeated(batch: Batch, expected: bigint, epoch: LeaderEpoch): boolean {
  if (epoch === undefined) return false;
  return leaderEpochBefore(batch, expected) === epoch;
}
