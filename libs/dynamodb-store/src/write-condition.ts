import { type WriteCondition } from '@tidemark/cache';
import { attributes } from '@tidemark/protocol';

export interface ConditionExpression {
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues: Record<string, { S: string }>;
}

/** A write id that is no string is neither absent, nor lower, nor the one that was seen: both conditions fail at it. */
export function conditionExpression(condition: WriteCondition): ConditionExpression {
  const ExpressionAttributeNames = { '#w': attributes.writeId };
  return condition.type === 'newer'
    ? {
        ConditionExpression: 'attribute_not_exists(#w) OR #w < :w',
        ExpressionAttributeNames,
        ExpressionAttributeValues: { ':w': { S: condition.than } },
      }
    : {
        ConditionExpression: '#w = :seen',
        ExpressionAttributeNames,
        ExpressionAttributeValues: { ':seen': { S: condition.writeId } },
      };
}
