import { type _Record as KinesisRecord } from '@aws-sdk/client-kinesis';
import { type ShardRecord } from '@tidemark/pipeline';
import { TidemarkError } from '@tidemark/runtime';

/** A record as the pipeline takes it. Throws `STREAM_UNAVAILABLE`. */
export function toRecord(record: KinesisRecord): ShardRecord {
  const { SequenceNumber: sequenceNumber, Data: bytes } = record;
  if (sequenceNumber !== undefined && bytes !== undefined) return { sequenceNumber, bytes };
  throw new TidemarkError('STREAM_UNAVAILABLE', 'a record without a sequence number or without data', {
    retriable: true,
  });
}
