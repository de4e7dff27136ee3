import { type Logger } from '@tidemark/runtime';
import { type LeaseStore, type ShardLease } from './ports.js';
import { alignLeases } from './shard-leases.js';
import { type Survey } from './stream-survey.js';
import { type SyncMetrics } from './sync-metrics.js';

export interface LeaseAlignmentPorts {
  readonly leases: LeaseStore;
  readonly log: Logger;
  readonly metrics: SyncMetrics;
  /** Makes one call to the lease table. */
  readonly call: <T>(what: string, call: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

/**
 * Brings the lease table into line with the stream. `refused`: a row had been written since `rows` were read, so that it must be tried again with
 * what stands there now.
 */
export async function alignLeaseTable(
  rows: readonly ShardLease[],
  { stream: { streamId }, shards }: Survey,
  { leases, log, metrics, call }: LeaseAlignmentPorts,
): Promise<'in-line' | 'changed' | 'refused'> {
  const { create, replace, remove } = alignLeases(shards, rows, streamId);
  let isRefused = false;
  for (const lease of create) {
    const isDone = await call('creating a lease', (signal) => leases.create(lease, signal));
    if (isDone) log.info({ shardId: lease.shardId, streamId }, 'a lease was created');
  }
  for (const [lease, next] of replace) {
    const isDone = await call('replacing a lease', (signal) => leases.replace(lease, next, signal));
    isRefused ||= !isDone;
    if (!isDone) continue;
    metrics.hole('stream-replaced');
    const { shardId, streamId: before } = lease;
    log.warn({ shardId, before, streamId }, 'the lease was of a stream that was replaced');
  }
  for (const lease of remove) {
    const isDone = await call('removing a lease', (signal) => leases.remove(lease, signal));
    isRefused ||= !isDone;
    if (isDone) log.info({ shardId: lease.shardId }, 'the lease of a shard that left the stream was removed');
  }
  if (isRefused) return 'refused';
  return create.length + replace.length + remove.length > 0 ? 'changed' : 'in-line';
}
