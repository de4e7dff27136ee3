import { type LeaseClaim, type WriteCondition } from '@tidemark/cache';
import { attributes } from '@tidemark/protocol';

/** The part of a write's input that says on what it depends, and what an update changes. */
export interface WriteExpressions {
  readonly ConditionExpression: string;
  readonly UpdateExpression?: string;
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues?: Values;
}

type Values = Record<string, { readonly S: string } | { readonly N: string }>;

const newer = 'attribute_not_exists(#w) OR #w < :w';
const noLiveValue = 'attribute_not_exists(#v) OR #e <= :now';
const liveValue = 'attribute_exists(#v) AND (attribute_not_exists(#e) OR #e > :now)';
const noLiveLease = 'attribute_not_exists(#l) OR #u <= :nowMs';
const ownLease = '#l = :mine AND attribute_not_exists(#v)';

/** The condition of a write. What an attribute of an unexpected type does to it is told at `conditionHolds`, which is the same in memory. */
export function conditionExpressions(condition: WriteCondition): WriteExpressions {
  switch (condition.type) {
    case 'newer':
      return expressions(newer, { ':w': { S: condition.than } });
    case 'replaces':
      return expressions('#w = :seen', { ':seen': { S: condition.writeId } });
    case 'absent':
      return expressions(`(${noLiveValue}) AND (${newer})`, { ':w': { S: condition.than }, ':now': N(condition.now) });
    case 'matches':
      return expressions(`#w = :seen AND ${liveValue}`, {
        ':seen': { S: condition.writeId },
        ':now': N(condition.now),
      });
    case 'leased':
      return expressions(ownLease, { ':mine': { S: condition.leaseId } });
  }
}

/**
 * Takes a lease. The write id stays, and the mark of a tombstone, so that the item goes on refusing late writes. The expiry is set anew,
 * since a claimed item holds no value and must end by itself.
 */
export function acquireExpressions({ leaseId, nowMs, leaseUntil, expiresAt }: LeaseClaim): WriteExpressions {
  const values: Values = {
    ':mine': { S: leaseId },
    ':until': N(leaseUntil),
    ':expiresAt': N(expiresAt),
    ':now': N(Math.floor(nowMs / 1_000)),
    ':nowMs': N(nowMs),
  };
  const update = 'SET #l = :mine, #u = :until, #e = :expiresAt REMOVE #v, #c, #d';
  return expressions(`(${noLiveValue}) AND (${noLiveLease})`, values, update);
}

/**
 * Gives a lease up and leaves what else is there: a write id that refuses late writes. The expiry that came with the lease stays as well:
 * a tombstone ends no earlier than it would have without the lease, and what is left of an expired value has to end.
 */
export function releaseExpressions(leaseId: string): WriteExpressions {
  return expressions(ownLease, { ':mine': { S: leaseId } }, 'REMOVE #l, #u');
}

/** Changes an item without changing what is read of it; the write id stays, which is what tells a foreign write. */
export function touchExpressions(mark: string): WriteExpressions {
  return expressions('attribute_exists(#k)', { ':mark': { S: mark } }, 'SET #t = :mark');
}

const names: Readonly<Record<string, string>> = {
  '#k': attributes.key,
  '#v': attributes.value,
  '#c': attributes.codec,
  '#w': attributes.writeId,
  '#e': attributes.expiresAt,
  '#l': attributes.leaseId,
  '#u': attributes.leaseUntil,
  '#d': attributes.loaded,
  '#t': attributes.touched,
};

/** DynamoDB refuses names that are not used. */
function expressions(condition: string, values: Values, update?: string): WriteExpressions {
  const used = Object.entries(names).filter(([name]) => `${condition} ${update}`.includes(name));
  return {
    ConditionExpression: condition,
    ...(update === undefined ? {} : { UpdateExpression: update }),
    ExpressionAttributeNames: Object.fromEntries(used),
    ExpressionAttributeValues: values,
  };
}

function N(value: number): { readonly N: string } {
  return { N: String(value) };
}
