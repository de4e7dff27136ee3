import { type BinaryEncoding, type TopicNames } from '@tidemark/protocol';
import { type Clock, type Logger } from '@tidemark/runtime';
import { type LeaseHold } from './lease-hold.js';
import { type PageBudget, type PageGrant } from './page-budget.js';
import { type Checkpoint, type ShardCursor, type ShardPage, type ShardPosition } from './ports.js';
import { RetentionGap } from './retention-gap.js';
import { type Retry } from './retry.js';
import { type HoleReason } from './shard-leases.js';
import { RecordTranslator } from './shard-record.js';
import { listingAgeMsMax } from './shard-roll.js';
import { type StreamRetention } from './stream-retention.js';
import { type SyncMetrics } from './sync-metrics.js';
import { type TablePublisher } from './table-publisher.js';
import { claimOf } from './watermark.js';

export interface ShardSync {
  readonly hold: LeaseHold;
  readonly cursor: ShardCursor;
  readonly publisher: TablePublisher;
  /** Shared by all shards of the worker. */
  readonly budget: PageBudget;
  readonly names: TopicNames;
  readonly region: string;
  readonly binary: BinaryEncoding;
  readonly recordBytesMax: number;
  /** Up to when the shard is read, or covered by a flush, ms since the epoch. */
  readonly coveredUpTo: number | null;
  readonly retention: StreamRetention;
  /** Up to when the shard is known to have had no children, ms since the epoch; `null`: nothing is known. */
  readonly childlessUpTo: () => number | null;
  /** Flushes every table, unless a flush that began late enough did; resolves to when it began, once it is acknowledged. */
  readonly coverHole: (reason: HoleReason) => Promise<number>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SyncMetrics;
  /** For reading: given up as soon as the worker is to stop. */
  readonly reading: Retry;
  /** For Kafka: given up when the lease is lost or the time to drain is over. */
  readonly publishing: Retry;
  /** Hears of every page, before it is published. */
  readonly onPage: (page: ShardPage) => void;
  /** Hears when all of it is acknowledged. */
  readonly onAcknowledged: () => void;
}

/**
 * The whole way of a shard: read a page, translate it, produce it to the table topics, wait for every acknowledgement, and only then
 * note the checkpoint, which the lease writes under its condition. One page is in flight. Resolves once a page has closed the shard and all of
 * it is acknowledged, to a time up to which it is covered and that lies before its end: what its children hold is younger; rejects with `ABORTED` when the lease is lost or the worker stops.
 * What fails is tried again for ever: the shard stands still, and nothing is ever skipped. Only a table whose own topic takes nothing is left out, and
 * owed a flush (`table-debts.ts`).
 */
export async function syncShard(sync: ShardSync): Promise<number> {
  const { hold, clock, coverHole } = sync;
  const gap = new RetentionGap(sync.retention, clock, sync.coveredUpTo);
  const translator = new RecordTranslator({ ...sync, shardId: hold.shardId });
  let claim: number | null = null;

  for (;;) {
    if (gap.beforeRead(clock.now())) gap.covered(await coverHole('records-may-have-expired'));
    const { page, grant } = await readPage(sync);
    const proven = provenBy(page, sync);
    try {
      // The page before is acknowledged, and this one shows that the shard went on after it: only now may it be claimed.
      if (claim !== null && !page.closed) hold.claim(claim);
      sync.onPage(page);
      if (gap.onPage(page, proven))
        gap.covered(await coverHole(page.gap ? 'position-lost' : 'records-may-have-expired'));
      await publishPage(sync, translator, page);
      sync.onAcknowledged();
    } finally {
      grant.release();
    }
    if (page.closed) return Math.min(page.askedAt, gap.coveredUpTo ?? -Infinity);
    claim = proven;
  }
}

/**
 * What a page proves of the shard together with its children, as `claimOf`. The shard may say late that it was closed: at the tip of one that may have children, everything is read but
 * what they hold. Where it is read up to a record of its own, they hold younger ones.
 */
function provenBy(page: ShardPage, { childlessUpTo }: ShardSync): number | null {
  const claim = claimOf(page);
  const upTo = childlessUpTo();
  if (claim === null || (page.millisBehindLatest !== 0 && page.records.length > 0)) return claim;
  return upTo !== null && claim <= upTo + listingAgeMsMax ? claim : null;
}

/** A page, once there is room for it: while Kafka takes nothing, no more is read than the worker may hold. */
function readPage({
  cursor,
  budget,
  reading,
}: ShardSync): Promise<{ readonly page: ShardPage; readonly grant: PageGrant }> {
  return reading.untilDone(readingShard, async (signal) => {
    await cursor.ready?.(signal);
    const grant = await budget.take(cursor.pageBytesMax ?? pageBytesMax, signal);
    try {
      const page = await cursor.read(signal);
      grant.resize(page.records.reduce((sum, { bytes }) => sum + bytes.byteLength, 0));
      return { page, grant };
    } catch (error) {
      grant.release();
      throw error;
    }
  });
}

async function publishPage(sync: ShardSync, translator: RecordTranslator, page: ShardPage): Promise<void> {
  const { hold, publisher, metrics, publishing } = sync;
  const { steps, deadLetters } = translator.translate(page.records);
  for (const { type } of steps) metrics.steps[type].value += 1;
  await payDebts(sync);
  for (const { table, hole } of await publisher.publish(steps, publishing, hold.owes)) hold.owe(table, hole);
  await publisher.deadLetters.send(deadLetters, publishing.signal);
  const last = page.records.at(-1);
  if (last !== undefined) hold.advance(last.sequenceNumber);
}

/** Flushes the tables whose topics take records again, before anything else of them is published. */
async function payDebts({ hold, publisher: { debts }, publishing }: ShardSync): Promise<void> {
  for (const [table, left] of [...hold.owes]) {
    const hole = left ?? debts.inherited(table);
    if (left === undefined) hold.owe(table, hole);
    if (await debts.settle(table, hole, publishing.signal)) hold.settle(table);
  }
}

/** Of a cursor that does not say, bytes. */
const pageBytesMax = 2 * 1_024 * 1_024;

/** What reading a shard is called in logs and in health. */
export const readingShard = 'reading the shard from Kinesis';

/** As Kinesis takes them. Whoever resets a lease may write something else, as KCL's `LATEST`: what came meanwhile is covered by a flush. */
const sequenceNumber = /^(0|[1-9]\d{0,128})$/;

/** Where reading goes on after a checkpoint. */
export function positionOf(checkpoint: Checkpoint): ShardPosition {
  return sequenceNumber.test(checkpoint) ? { type: 'after', sequenceNumber: checkpoint } : { type: 'trim-horizon' };
}
