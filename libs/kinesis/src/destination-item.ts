import { type AttributeValue } from '@aws-sdk/client-dynamodb';
import { type DestinationLook } from '@tidemark/pipeline';
import { attribute, type LeaseItem } from './lease-item.js';

/** What the key of a look at a destination begins with, in the table that holds the leases: no shard id has a colon. */
const prefix = 'destination:';

/** Attributes of a look; `reserved` words of DynamoDB among them, so name them in expressions. */
export const lookedAtAttribute = 'lookedAt';

export function destinationKey(table: string): LeaseItem {
  return { [attribute.shardId]: { S: `${prefix}${table}` } };
}

export function isDestinationItem(item: LeaseItem): boolean {
  return item[attribute.shardId]?.S?.startsWith(prefix) === true;
}

export function toDestinationItem(table: string, look: DestinationLook): LeaseItem {
  const { status, description, precision, lookedAt } = look;
  return {
    ...destinationKey(table),
    destinationStatus: { S: status },
    [lookedAtAttribute]: { N: String(Math.floor(lookedAt)) },
    ...(description === null ? {} : { statusDescription: { S: description } }),
    ...(precision === null ? {} : { precision: { S: precision } }),
  };
}

/** `undefined` where the item cannot be read: then nothing is remembered, and the table is flushed. */
export function fromDestinationItem(item: Readonly<Record<string, AttributeValue>>): DestinationLook | undefined {
  const status = item['destinationStatus']?.S;
  const lookedAt = Number(item[lookedAtAttribute]?.N);
  if (status === undefined || !Number.isSafeInteger(lookedAt)) return undefined;
  return {
    status,
    lookedAt,
    description: item['statusDescription']?.S ?? null,
    precision: item['precision']?.S ?? null,
  };
}
