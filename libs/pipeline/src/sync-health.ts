import { type ShardLease } from './ports.js';
import { type ShardHealth } from './shard-runner.js';
import { coversKeySpace, isEnded } from './watermark.js';

export interface SyncHealth {
  /** Whether everything this worker has to do is done at present. */
  readonly ready: boolean;
  /** Why not, or `null`. */
  readonly reason: string | null;
  readonly workerId: string;
  /** Every shard that is not read to its end, others' too. */
  readonly shards: readonly ShardHealth[];
  /** The last watermark that this worker published, ms since the epoch; `null`: none. */
  readonly watermark: number | null;
  /** Tables whose watermark is withheld, and why: their changes may not reach the stream, or their topic takes nothing. */
  readonly withheldTables: Readonly<Record<string, string>>;
}

export interface SyncState {
  readonly isRunning: boolean;
  /** What fails, or does not answer, of what is no one shard's; `null`: nothing. */
  readonly trouble: string | null;
  readonly isScanLate: boolean;
  readonly isSurveyed: boolean;
  readonly shards: readonly ShardHealth[];
  readonly rows: readonly ShardLease[];
}

/** Why a worker is not ready; `null`: it is. */
export function problemOf({ isRunning, trouble, isScanLate, isSurveyed, shards, rows }: SyncState): string | null {
  if (!isRunning) return 'not running';
  if (trouble !== null) return trouble;
  if (isScanLate) return 'the lease table was not read lately';
  if (!isSurveyed) return 'the Kinesis stream was not described yet';
  for (const { shardId, lastError } of shards) if (lastError !== null) return `${shardId}: ${lastError}`;
  return coversKeySpace(rows.filter((row) => !isEnded(row)))
    ? null
    : 'the leases do not cover the key space of the stream';
}
