import { TableFollower } from '@tidemark/cache/internals';
import {
  alignLeases,
  askedLease,
  checkpointedLease,
  claimOf,
  handedOverLease,
  holeBefore,
  isAsked,
  isReadable,
  knownReadUpTo,
  laterClaim,
  lowestOpen,
  planShardEnd,
  renewedLease,
  RetentionGap,
  ShardRoll,
  takenLease,
  watermarkOf,
} from '@tidemark/pipeline/internals';

/** The shipped decisions that the model runs on; a checker may put others in their place. */
export const shippedRules = {
  alignLeases,
  askedLease,
  checkpointedLease,
  claimOf,
  handedOverLease,
  holeBefore,
  isAsked,
  isReadable,
  knownReadUpTo,
  laterClaim,
  lowestOpen,
  planShardEnd,
  renewedLease,
  takenLease,
  watermarkOf,
  newGap: (limit: number, coveredUpTo: number | null): Pick<RetentionGap, 'beforeRead' | 'onPage' | 'covered'> =>
    new RetentionGap(() => limit, coveredUpTo),
  newRoll: (): Pick<ShardRoll, 'note' | 'bound'> => new ShardRoll(),
  newFollower: (): TableFollower => new TableFollower('things', () => undefined),
};

export type StreamRules = typeof shippedRules;
