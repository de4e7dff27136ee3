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
  type ShardLease,
  ShardRoll,
  StreamRetention,
  takenLease,
  watermarkOf,
} from '@tidemark/pipeline/internals';

/** Of a stream in which what is `limit` old is not gone. */
function keeping(limit: number): StreamRetention {
  const retention = new StreamRetention(0);
  retention.note(limit, 0);
  return retention;
}

/** In the model the present is the only clock. */
const still = { monotonicMs: () => 0 };

type HoleQuestion = [ShardLease, ReadonlyMap<string, ShardLease>, number, number];

export function gapOf<Gap>(
  make: new (...of: ConstructorParameters<typeof RetentionGap>) => Gap,
  limit: number,
  coveredUpTo: number | null,
): Gap {
  return new make(keeping(limit), still, coveredUpTo);
}

/** The shipped decisions that the model runs on; a checker may put others in their place. */
export const shippedRules = {
  alignLeases,
  askedLease,
  checkpointedLease,
  claimOf,
  handedOverLease,
  holeBefore: (...[lease, rows, now, limit]: HoleQuestion) => holeBefore(lease, rows, now, keeping(limit)),
  isAsked,
  isReadable,
  knownReadUpTo,
  laterClaim,
  lowestOpen,
  planShardEnd,
  renewedLease,
  takenLease,
  watermarkOf,
  newGap: (
    limit: number,
    coveredUpTo: number | null,
  ): Pick<RetentionGap, 'beforeRead' | 'onPage' | 'covered' | 'coveredUpTo'> => gapOf(RetentionGap, limit, coveredUpTo),
  newRoll: (): Pick<ShardRoll, 'note' | 'bound'> => new ShardRoll(),
  newFollower: (): TableFollower => new TableFollower('things', () => undefined),
};

export type StreamRules = typeof shippedRules;
