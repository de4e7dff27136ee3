import { TidemarkError } from '@tidemark/runtime';
import { type LeaseHold } from './lease-hold.js';
import { type LeaseStore, type ShardReader } from './ports.js';
import { type Retry } from './retry.js';
import { planShardEnd } from './shard-leases.js';

/**
 * Marks a shard as read to its end, its children's rows first: a watermark is the minimum over the rows that are not ended, so
 * children must hold it back from the moment their parent no longer does. Resolves to whether the mark was written under the lease.
 */
export async function endShard(
  hold: LeaseHold,
  { reader, leases, retry }: { readonly reader: ShardReader; readonly leases: LeaseStore; readonly retry: Retry },
): Promise<boolean> {
  await retry.untilDone('listing the children', async (signal) => {
    const [shards, rows] = await Promise.all([reader.listShards(signal), leases.list(signal)]);
    const plan = planShardEnd(hold.shardId, shards, rows);
    if (!plan.ready) {
      const { shardId } = hold;
      throw new TidemarkError('STREAM_UNAVAILABLE', `the stream lists no child of ${shardId} yet`, { retriable: true });
    }
    for (const lease of plan.create) await leases.create(lease, signal);
  });
  return retry.untilDone('marking the shard as ended', async () => {
    if (await hold.end()) return true;
    if (hold.signal.aborted) return false;
    throw new TidemarkError('STORE_UNAVAILABLE', 'the end mark could not be written', { retriable: true });
  });
}
