/** DynamoDB's JSON of one attribute map, as change records carry it. */
export type ImageJson = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface ChangeRecordJson {
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly oldImage?: ImageJson;
  readonly newImage?: ImageJson;
  readonly at?: number;
  readonly precision?: 'MICROSECOND' | 'MILLISECOND';
  readonly userIdentity?: { readonly type: string; readonly principalId: string } | null;
  readonly key?: string;
}

/** A change record as DynamoDB puts it into Kinesis: the same fields in the same order. */
export function changeRecord(change: ChangeRecordJson): Record<string, unknown> {
  return {
    awsRegion: 'eu-west-1',
    eventID: '6d0a4e0c-5c1b-4a52-9c7e-0f6a2f0f7f11',
    eventName: change.eventName,
    userIdentity: change.userIdentity ?? null,
    recordFormat: 'application/json',
    tableName: 'permissions',
    dynamodb: {
      ApproximateCreationDateTime: change.at ?? 1_720_740_233_012,
      Keys: { key: { S: change.key ?? 'user:42' } },
      ...(change.newImage === undefined ? {} : { NewImage: change.newImage }),
      ...(change.oldImage === undefined ? {} : { OldImage: change.oldImage }),
      SizeBytes: 99,
      ...(change.precision === undefined ? {} : { ApproximateCreationDateTimePrecision: change.precision }),
    },
    eventSource: 'aws:dynamodb',
  };
}

export const writeIds = {
  first: '018bcfe568000000aaaaaaaaaaaaaaaa',
  second: '018bcfe568010000bbbbbbbbbbbbbbbb',
} as const;

/** A text item as a pod of Tidemark puts it. */
export function textImage(writeId: string, value: string): ImageJson {
  return {
    key: { S: 'user:42' },
    value: { S: value },
    codec: { S: 'json' },
    writeId: { S: writeId },
    expiresAt: { N: '1720743833' },
    writtenBy: { S: 'eu-west-1' },
  };
}

/** `value` in DynamoDB's base64, once or twice. */
export function binaryImage(writeId: string, value: Uint8Array, times: 1 | 2): ImageJson {
  const once = Buffer.from(value).toString('base64');
  return {
    key: { S: 'user:42' },
    value: { B: times === 1 ? once : Buffer.from(once).toString('base64') },
    codec: { S: 'v8' },
    writeId: { S: writeId },
    writtenBy: { S: 'eu-west-1' },
  };
}
