import { type ScanCommandInput } from '@aws-sdk/client-dynamodb';
import { type KeyScan } from '@tidemark/cache';
import { attributes } from '@tidemark/protocol';

/** What one page of a scan asks for. */
export function scanExpressions({
  segment,
  segments,
  prefix,
  examineMax,
  cursor,
}: KeyScan): Omit<ScanCommandInput, 'TableName'> {
  return {
    Segment: segment,
    TotalSegments: segments,
    Limit: examineMax,
    ExclusiveStartKey: cursor === undefined ? undefined : { [attributes.key]: { S: cursor } },
    ProjectionExpression: '#k',
    FilterExpression: 'begins_with(#k, :p)',
    ExpressionAttributeNames: { '#k': attributes.key },
    ExpressionAttributeValues: { ':p': { S: prefix } },
  };
}
