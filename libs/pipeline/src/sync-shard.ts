import { type BinaryEncoding, type TopicNames } from '@tidemark/protocol';
import { type Clock } from '@tidemark/runtime';
import { type LeaseHold } from './lease-hold.js';
import { type Checkpoint, type ShardPage, type ShardPosition, type ShardReader } from './ports.js';
import { RetentionGap } from './retention-gap.js';
import { type Retry } from './retry.js';
import { translateRecord } from './shard-record.js';
import { type SyncMetrics } from './sync-metrics.js';
import { type TablePublisher } from './table-publisher.js';
import { claimOf } from './watermark.js';

export interface ShardSync {
  readonly hold: LeaseHold;
  readonly reader: ShardReader;
  readonly publisher: TablePublisher;
  readonly names: TopicNames;
  readonly region: string;
  readonly binary: BinaryEncoding;
  readonly recordBytesMax: number;
  /** Up to when the shard is known to be read, ms since the epoch; `null`: nothing is known. */
  readonly readUpTo: number | null;
  /** A shard read further behind than this may have lost records, ms. */
  readonly gapAfterMs: number;
  readonly clock: Clock;
  readonly metrics: SyncMetrics;
  /** For reading: given up as soon as the worker is to stop. */
  readonly reading: Retry;
  /** For Kafka: given up when the lease is lost or the time to drain is over. */
  readonly publishing: Retry;
  /** Hears of every page, before it is published. */
  readonly onPage: (page: ShardPage) => void;
}

/**
 * The whole way of a shard: read a page, translate it, produce it to the table topics, wait for every acknowledgement, and only then
 * note the checkpoint, which the lease writes under its condition. One page is in flight. Returns once a page has closed the shard and all of
 * it is acknowledged; rejects with `ABORTED` when the lease is lost or the worker stops. What fails is tried again for ever:
 * the shard stands still, and nothing is ever skipped.
 */
export async function syncShard(sync: ShardSync): Promise<void> {
  const { hold, reader, publisher, clock, reading, publishing } = sync;
  const { shardId } = hold;
  const cursor = reader.open(shardId, positionOf(hold.row.checkpoint));
  const gap = new RetentionGap(sync.gapAfterMs, sync.readUpTo);
  let claim: number | null = null;

  for (;;) {
    if (gap.beforeRead(clock.now())) await publisher.flushAll('records-may-have-expired', publishing);
    const askedAt = clock.now();
    const page = await reading.untilDone('reading the shard', (signal) => cursor.read(signal));
    // The page before is acknowledged, and this one shows that the shard went on after it: only now may it be claimed.
    if (claim !== null && !page.closed) hold.claim(claim);
    sync.onPage(page);

    if (gap.onPage(page, askedAt)) await publisher.flushAll('records-may-have-expired', publishing);
    const translated = page.records.map((record) => translateRecord(record, { ...sync, shardId }));
    const deadLetters = translated.flatMap(({ deadLetter }) => deadLetter ?? []);
    await publisher.publish(
      translated.map(({ step }) => step),
      publishing,
    );
    await publisher.sendDeadLetters(deadLetters, publishing);

    const last = page.records.at(-1);
    if (last !== undefined) hold.advance(last.sequenceNumber);
    if (page.closed) return;
    claim = gap.maySayReadUpTo ? claimOf(page, askedAt) : null;
  }
}

function positionOf(checkpoint: Checkpoint): ShardPosition {
  return checkpoint === 'TRIM_HORIZON' ? { type: 'trim-horizon' } : { type: 'after', sequenceNumber: checkpoint };
}
