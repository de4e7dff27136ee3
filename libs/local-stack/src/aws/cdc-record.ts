import { type WireItem, withBinaryEncodedAgain } from './wire-item.js';

/** The unit of `ApproximateCreationDateTime`; `absent` is AWS's default: milliseconds, and the record does not say so. */
export type StampPrecision = 'MICROSECOND' | 'MILLISECOND' | 'absent';

/**
 * How often binary values are base64-encoded. AWS documents `twice`: once by DynamoDB's JSON, once more by the stream; captured
 * records show `once` too.
 */
export type BinaryEncoding = 'once' | 'twice';

/** Who made a change, when it was not a client: the service itself, for an item that expired. */
export interface ServiceIdentity {
  readonly type: 'Service';
  readonly principalId: 'dynamodb.amazonaws.com';
}

export const expiryIdentity: ServiceIdentity = { type: 'Service', principalId: 'dynamodb.amazonaws.com' };

export interface CapturedChange {
  readonly region: string;
  readonly tableName: string;
  readonly eventId: string;
  /** When the change was made in this region, µs since the epoch. */
  readonly micros: number;
  readonly keys: WireItem;
  readonly oldItem: WireItem | undefined;
  readonly newItem: WireItem | undefined;
  readonly userIdentity: ServiceIdentity | null;
  /** Keys and images together, as DynamoDB counts bytes. */
  readonly sizeBytes: number;
}

export interface CdcFormat {
  readonly precision: StampPrecision;
  readonly binaryEncoding: BinaryEncoding;
}

/**
 * One record as Kinesis Data Streams for DynamoDB writes it (developer guide, "Working with Kinesis Data Streams and DynamoDB"): plain
 * JSON, with both images where both exist, and with neither a sequence number nor a version.
 */
export function cdcRecord(change: CapturedChange, format: CdcFormat): Buffer {
  const { precision, binaryEncoding } = format;
  const { keys, newItem, oldItem } = change;
  const encoded = (item: WireItem): WireItem => (binaryEncoding === 'twice' ? withBinaryEncodedAgain(item) : item);
  const record = {
    awsRegion: change.region,
    eventID: change.eventId,
    eventName: eventNameOf(change),
    userIdentity: change.userIdentity,
    recordFormat: 'application/json',
    tableName: change.tableName,
    dynamodb: {
      ApproximateCreationDateTime: precision === 'MICROSECOND' ? change.micros : Math.floor(change.micros / 1000),
      Keys: encoded(keys),
      ...(newItem && { NewImage: encoded(newItem) }),
      ...(oldItem && { OldImage: encoded(oldItem) }),
      SizeBytes: change.sizeBytes,
      ...(precision !== 'absent' && { ApproximateCreationDateTimePrecision: precision }),
    },
    eventSource: 'aws:dynamodb',
  };
  return Buffer.from(JSON.stringify(record), 'utf8');
}

function eventNameOf(change: CapturedChange): 'INSERT' | 'MODIFY' | 'REMOVE' {
  if (change.newItem === undefined) return 'REMOVE';
  return change.oldItem === undefined ? 'INSERT' : 'MODIFY';
}
