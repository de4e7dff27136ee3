/** A change record as DynamoDB writes it, for tests: the item went from write id `from` to write id `to`. */
export function changeRecordBytes(change: {
  readonly table: string;
  readonly key: string;
  readonly from?: string;
  readonly to?: string;
  readonly value?: string;
  readonly region?: string;
}): Uint8Array {
  const { table, key, from, to, value = 'v', region = 'us-east-1' } = change;
  const image = (writeId: string): object => ({
    key: { S: key },
    value: { S: value },
    codec: { S: 'json' },
    writeId: { S: writeId },
  });
  return Buffer.from(
    JSON.stringify({
      awsRegion: region,
      eventID: `${key}-${to ?? 'gone'}`,
      eventName: to === undefined ? 'REMOVE' : from === undefined ? 'INSERT' : 'MODIFY',
      tableName: table,
      dynamodb: {
        ApproximateCreationDateTime: 1_700_000_000_000_000,
        ApproximateCreationDateTimePrecision: 'MICROSECOND',
        Keys: { key: { S: key } },
        ...(from === undefined ? {} : { OldImage: image(from) }),
        ...(to === undefined ? {} : { NewImage: image(to) }),
      },
      eventSource: 'aws:dynamodb',
    }),
  );
}
