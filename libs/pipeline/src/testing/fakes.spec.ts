import { describe, it } from '@jest/globals';
import { systemClock } from '@tidemark/runtime';
import { FakeLeaseStore } from './fake-lease-store.js';
import { FakeStream } from './fake-stream.js';
import { leaseStoreContract } from './lease-store-contract.js';
import { shardReaderContract } from './shard-reader-contract.js';

describe('FakeLeaseStore', () => {
  for (const { name, run } of leaseStoreContract(async () => new FakeLeaseStore())) it(name, run);
});

describe.each([0, 1, 2])('FakeStream whose closed shards say so %p pages late', (closesAfter) => {
  const make = async () => {
    const pageMax = 3;
    const stream = new FakeStream({ clock: systemClock, shards: 2, pollMs: 1, pageMax, closesAfter });
    return {
      reader: stream,
      pageMax,
      put: async (share: number, text: string) => void stream.put(share, text),
      split: async (shardId: string) => stream.split(shardId),
      merge: async (left: string, right: string) => stream.merge(left, right),
      close: async () => undefined,
    };
  };
  for (const { name, run } of shardReaderContract(make)) it(name, run);
});
