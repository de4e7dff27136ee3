import { type Attributes } from '@tidemark/protocol';

/** One change of one item in one replica. `undefined`: there was, or is, no item. */
export interface ItemChange {
  readonly table: string;
  readonly region: string;
  readonly itemKey: string;
  readonly old: Attributes | undefined;
  readonly item: Attributes | undefined;
  /** Another region made it. */
  readonly replicated: boolean;
  /** When the replica says that it applied it, µs since the epoch. */
  readonly stampUs: number;
}

/** What makes a record unreadable: an image that is none, no key, or no record at all. */
export type RecordFlaw = 'image' | 'key' | 'everything';

/** A change record as DynamoDB writes it to Kinesis; items of the simulation hold no binary. */
export function changeBytes(change: ItemChange, flaw?: RecordFlaw): Uint8Array {
  const { table, region, itemKey, old, item, stampUs } = change;
  if (flaw === 'everything') return Buffer.from('{');
  return Buffer.from(
    JSON.stringify({
      awsRegion: region,
      eventName: old === undefined ? 'INSERT' : item === undefined ? 'REMOVE' : 'MODIFY',
      eventSource: 'aws:dynamodb',
      tableName: table,
      dynamodb: {
        ApproximateCreationDateTime: stampUs,
        ApproximateCreationDateTimePrecision: 'MICROSECOND',
        Keys: flaw === 'key' ? {} : { key: { S: itemKey } },
        ...(old === undefined ? {} : { OldImage: old }),
        ...(item === undefined ? {} : { NewImage: item }),
        ...(flaw === 'image' ? { NewImage: 'none' } : {}),
      },
    }),
  );
}
