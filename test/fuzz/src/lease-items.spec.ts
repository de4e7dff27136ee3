import { type AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, it } from '@jest/globals';
import { DynamoDBLeaseStore } from '@tidemark/kinesis';
import { isTidemarkError } from '@tidemark/runtime';
import { fuzzAsync } from './fuzz.js';

type Item = Record<string, AttributeValue>;

/** A client whose table holds what it is told. */
class ScriptedDynamoDB extends DynamoDBClient {
  items: readonly Item[] = [];

  override send(): Promise<never> {
    return Promise.resolve({ Items: this.items } as never);
  }
}

const lease: Item = {
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

/** As the SDK hands items over: the key is a text, and an attribute of another shape is not there. */
function itemOf(input: Uint8Array): Item | undefined {
  try {
    const item: unknown = JSON.parse(Buffer.from(input).toString('utf8'));
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return undefined;
    const attributes = Object.entries(item as Readonly<Record<string, unknown>>).filter(([, value]) =>
      isAttribute(value),
    );
    return Object.fromEntries(attributes) as Item;
  } catch {
    return undefined;
  }
}

const isText = (value: unknown): boolean => typeof value === 'string';
const shapes: Readonly<Record<string, (value: unknown) => boolean>> = {
  ...{ S: isText, N: isText, BOOL: (value) => typeof value === 'boolean', NULL: (value) => value === true },
  ...{ SS: isTexts, NS: isTexts, L: Array.isArray, M: (value) => typeof value === 'object' && value !== null },
};

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isText);
}

function isAttribute(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const [[type = '', content] = [], ...others] = Object.entries(value);
  return others.length === 0 && Object.hasOwn(shapes, type) && shapes[type]?.(content) === true;
}
