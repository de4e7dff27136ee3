import { expect, it } from '@jest/globals';
import { DynamoDBLeaseStore } from '@tidemark/kinesis';
import { isTidemarkError } from '@tidemark/runtime';
import { fuzzAsync } from './fuzz.js';
import { itemOf, type LeaseItem, ScriptedDynamoDB } from './scripted-dynamodb.js';

const lease: LeaseItem = {
  leaseKey: { S: 'shardId-000000000000' },
  leaseOwner: { S: 'worker-1' },
  leaseCounter: { N: '17' },
  checkpoint: { S: 'TRIM_HORIZON' },
  checkpointSubSequenceNumber: { N: '0' },
  ownerSwitchesSinceCheckpoint: { N: '1' },
  startingHashKey: { S: '0' },
  endingHashKey: { S: '170141183460469231731687303715884105727' },
};
const corpus = [
  lease,
  { ...lease, leaseKey: { S: 'shardId-000000000001' }, parentShardId: { SS: ['shardId-000000000000'] } },
  {
    ...lease,
    readUpTo: { N: '1720740233012' },
    streamId: { S: 'tidemark:1720000000' },
    checkpoint: { S: 'SHARD_END' },
  },
].map((item) => Buffer.from(JSON.stringify(item)));

it('a lease table, whatever stands in its rows, is listed or refused as malformed; nothing else escapes', async () => {
  const client = new ScriptedDynamoDB({ region: 'eu-west-1' });
  const store = new DynamoDBLeaseStore({ table: 'leases', dynamodb: client });
  const { signal } = new AbortController();
  const outcomes = new Set<string>();
  await fuzzAsync({ corpus, runs: 20_000 }, async (input) => {
    const item = itemOf(input);
    if (item === undefined) return;
    client.items = [lease, item];
    try {
      const rows = await store.list(signal);
      outcomes.add(`${rows.length} rows`);
    } catch (error) {
      if (!isTidemarkError(error)) throw error;
      outcomes.add(error.code);
    }
  });
  expect(outcomes.size).toBeGreaterThan(1);
}, 600_000);
