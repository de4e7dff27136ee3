import { TidemarkError } from '@tidemark/runtime';
import { type CallWatch } from './call-watch.js';
import { type LeaseHold } from './lease-hold.js';
import { type LeaseStore, type ShardReader } from './ports.js';
import { type Retry } from './retry.js';
import { planShardEnd } from './shard-leases.js';

export interface ShardEndPorts {
  readonly reader: ShardReader;
  readonly leases: LeaseStore;
  readonly retry: Retry;
  readonly calls: CallWatch;
}

/**
 * Marks a shard as read to its end, its children's rows first: a watermark is the minimum over the rows that are not ended, so
 * children must hold it back from the moment their parent no longer does. `readUpTo`: as `LeaseHold.end` wants it. Resolves to whether the mark was written
 * under the lease; one that is asked for is handed over instead, with the mark if it had come so far.
 */
export async function endShard(
  hold: LeaseHold,
  readUpTo: number | null,
  { reader, leases, retry, calls }: ShardEndPorts,
): Promise<boolean> {
  const { shardId, streamId } = hold.row;
  const children = await retry.untilDone('listing the children of a shard of Kinesis', async (signal) => {
    const [shards, rows] = await Promise.all([
      calls.watch('listing the shards of Kinesis', () => reader.listShards(signal)),
      calls.watch('listing the leases', () => leases.list(signal)),
    ]);
    const plan = planShardEnd(shardId, shards, rows, streamId);
    if (!plan.ready)
      throw new TidemarkError('STREAM_UNAVAILABLE', `the stream lists no child of ${shardId} yet`, { retriable: true });
    for (const lease of plan.create) await leases.create(lease, signal);
    return plan.children;
  });
  return retry.untilDone('marking the shard as ended in the lease table', async () => {
    if (await hold.end(readUpTo, children)) return true;
    if (hold.signal.aborted || hold.asked.aborted) return false;
    throw new TidemarkError('STORE_UNAVAILABLE', 'the end mark could not be written', { retriable: true });
  });
}
