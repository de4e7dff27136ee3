import { type Batch } from 'kafkajs';
import { leaderEpochAt } from './leader-epoch.js';
import { type LeaderEpoch } from './positions.js';

/**
 * Whether a batch that begins before the `expected` offset brings again what was handed over, and is no other log: it has the record before it, of the
 * `epoch` in which that was read. By Kafka's own rule, logs that have a record of one leader's epoch at one offset are the same up to it.
 *
 * kafkajs fetches twice from where it stood while a partition changes its leader: the answer of the one that is slow comes behind the other's.
 */
export function isRepeated(batch: Batch, expected: bigint, epoch: LeaderEpoch): boolean {
  if (epoch === undefined) return false;
  return leaderEpochAt(batch, expected - 1n) === epoch;
}
