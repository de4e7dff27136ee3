import {
  DescribeStreamSummaryCommand,
  type KinesisClient,
  type StreamDescriptionSummary,
} from '@aws-sdk/client-kinesis';
import { parseStreamName } from '@tidemark/kinesis';
import { askKinesis, type Asking } from '../ask-aws.js';
import { type Check, type Finding, ok, problem, warning } from '../finding.js';

/** The stream as AWS describes it. */
export interface StreamFacts {
  readonly status: string;
  readonly mode: string;
  readonly openShards: number;
  readonly retentionHours: number;
  readonly distribution: string;
  readonly encryption: string;
  readonly key: string | null;
}

/** Whether the stream can carry a region's changes, and for how long it keeps them. */
export function streamCheck(stream: string, kinesis: KinesisClient, asking: Asking): Check {
  const name = parseStreamName(stream);
  return {
    name: 'stream',
    run: async (signal) => {
      const { StreamDescriptionSummary: summary } = await askKinesis(
        asking,
        'describeStreamSummary',
        signal,
        (abortSignal) => kinesis.send(new DescribeStreamSummaryCommand(name), { abortSignal }),
      );
      return streamFindings(name.StreamName, factsOf(summary));
    },
  };
}

/** What is left out is what AWS does by default. */
function factsOf(summary: Partial<StreamDescriptionSummary> = {}): StreamFacts {
  const { StreamStatus, StreamModeDetails, OpenShardCount, RetentionPeriodHours } = summary;
  const { RecordDistributionStrategy = 'USER_PARTITION_KEY', EncryptionType = 'NONE', KeyId = null } = summary;
  return {
    status: StreamStatus ?? 'unknown',
    mode: StreamModeDetails?.StreamMode ?? 'PROVISIONED',
    openShards: OpenShardCount ?? 0,
    retentionHours: RetentionPeriodHours ?? 0,
    distribution: RecordDistributionStrategy,
    encryption: EncryptionType,
    key: KeyId,
  };
}

export function streamFindings(stream: string, facts: StreamFacts): readonly Finding[] {
  return [
    statusOf(stream, facts),
    distributionOf(stream, facts),
    retentionOf(stream, facts),
    encryptionOf(stream, facts),
  ];
}

function statusOf(stream: string, { status, mode, openShards }: StreamFacts): Finding {
  const message = `${status}, ${mode}, ${openShards} open shards`;
  if (status === 'ACTIVE' || status === 'UPDATING') return ok(stream, message);
  return problem(stream, message, 'wait until it is ACTIVE; create it again where it is being deleted');
}

function distributionOf(stream: string, { distribution }: StreamFacts): Finding {
  if (distribution !== 'AUTO') return ok(stream, `records are distributed by ${distribution}`);
  return problem(
    stream,
    'records are distributed AUTO: the changes of a key are spread over shards, in no order, and sync refuses the stream',
    'set its RecordDistributionStrategy to USER_PARTITION_KEY',
  );
}

const dayHours = 24;

function retentionOf(stream: string, { retentionHours: hours }: StreamFacts): Finding {
  const text = `keeps records for ${hours} hours`;
  if (hours > dayHours) return ok(stream, text);
  return warning(
    stream,
    `${text}: if sync is away for longer, every table is flushed in every pod`,
    'raise its retention (increase-stream-retention-period) to what a weekend takes, 72 hours or more',
  );
}

function encryptionOf(stream: string, { encryption, key }: StreamFacts): Finding {
  if (encryption === 'NONE') return ok(stream, 'is not encrypted at rest');
  return ok(stream, `is encrypted with ${key ?? encryption}; sync needs kms:Decrypt on a key of your own`);
}
