import { expect, it } from '@jest/globals';
import { DynamoDBLeaseStore } from '@tidemark/kinesis';
import { chooseLeases, isEnded, type ShardLease, watermarkOf } from '@tidemark/pipeline/internals';
import { fuzzAsync } from './fuzz.js';
import { itemOf, type LeaseItem, ScriptedDynamoDB } from './scripted-dynamodb.js';

const hashMax = (1n << 128n) - 1n;
const ranges = 4n;

/** A row of the Kinesis Client Library's, with what Tidemark adds: the shard has a part of the key space. */
function row(at: bigint, more: LeaseItem): LeaseItem {
  const end = at === ranges - 1n ? hashMax : ((at + 1n) * hashMax) / ranges - 1n;
  return {
    leaseKey: { S: `shardId-00000000000${at}` },
    leaseCounter: { N: '17' },
    checkpoint: { S: '49590338271490256608559692538361571095921575989136588898' },
    checkpointSubSequenceNumber: { N: '0' },
    ownerSwitchesSinceCheckpoint: { N: '1' },
    startingHashKey: { S: String((at * hashMax) / ranges) },
    endingHashKey: { S: String(end) },
    readUpTo: { N: String(1_720_740_233_012n + at) },
    ...more,
  };
}

/** In every state of a lease; all owners are dead. */
const rows: readonly LeaseItem[] = [
  row(0n, { leaseOwner: { S: 'worker-1' } }),
  row(1n, { leaseOwner: { S: 'worker-2' }, checkpointOwner: { S: 'worker-1' } }),
  row(2n, {}),
  row(3n, { leaseOwner: { S: 'worker-1' }, parentShardId: { SS: ['shardId-000000000008'] } }),
  row(0n, {
    ...{ leaseKey: { S: 'shardId-000000000009' }, checkpoint: { S: 'SHARD_END' } },
    ...{
      childShardIds: { SS: ['shardId-000000000000'] },
      owedFlushes: { SS: ['things'] },
      retentionMs: { N: '86400000' },
    },
  }),
  { leaseKey: { S: 'destination:things' }, destinationStatus: { S: 'ACTIVE' }, lookedAt: { N: '1720740233012' } },
];
const corpus = rows.map((item) => Buffer.from(JSON.stringify(item)));
const keys = new Set([...rows.map(({ leaseKey }) => leaseKey?.S ?? ''), 'shardId-000000000008']);
const { signal } = new AbortController();

/** What a worker with room for all takes, once every row has stood still for long. */
function taken(listed: readonly ShardLease[]): ReadonlySet<string> {
  const times = { failoverMs: 10_000, scanEveryMs: 1_000, stillMs: () => 60_000 };
  const none = new Set<string>();
  const choices = chooseLeases({
    ...{ rows: listed, workerId: 'worker-9', held: none, askedFor: none, leasesMax: 100 },
    ...times,
  });
  return new Set(choices.map(({ lease }) => lease.shardId));
}

/** The mutant in the place of the row that it was made of, or beside them all, where it has a key of its own. */
function tableWith(mutant: LeaseItem, at: number): readonly LeaseItem[] {
  const key = mutant['leaseKey']?.S;
  if (key !== undefined && !keys.has(key)) return [...rows, mutant];
  return rows.with(at, { ...mutant, leaseKey: { S: rows[at]?.['leaseKey']?.S ?? '' } });
}

it('a row, whatever stands in it, changes nothing of the others, which are all taken; and it raises no watermark', async () => {
  const client = new ScriptedDynamoDB({ region: 'eu-west-1' });
  const store = new DynamoDBLeaseStore({ table: 'leases', dynamodb: client });
  client.items = rows;
  const sound = new Map((await store.list(signal)).map((each) => [each.shardId, each]));
  const open = [...sound.values()].filter((each) => !isEnded(each));
  expect([...sound.keys(), 'destination:things']).toHaveLength(rows.length);
  expect(taken([...sound.values()])).toEqual(new Set(open.map(({ shardId }) => shardId)));
  let n = 0;
  const seen = { malformed: 0, readable: 0 };
  await fuzzAsync({ corpus, runs: 20_000 }, async (input) => {
    const mutant = itemOf(input);
    if (mutant === undefined) return;
    const at = (n += 1) % rows.length;
    client.items = tableWith(mutant, at);
    const listed = await store.list(signal);
    const changed = client.items.length > rows.length ? mutant['leaseKey']?.S : rows[at]?.['leaseKey']?.S;
    const isMalformed = listed.some(({ shardId, problem }) => shardId === changed && problem !== undefined);
    seen[isMalformed ? 'malformed' : 'readable'] += 1;
    expectUndisturbed(listed, sound, changed);
    expectNoFalseWatermark(listed, isMalformed, changed);
  });
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(1_000);
}, 600_000);

/** Every row but the changed one is as it was, and taken where it can be; what cannot be read is not. */
function expectUndisturbed(
  listed: readonly ShardLease[],
  sound: ReadonlyMap<string, ShardLease>,
  changed: string | undefined,
): void {
  const choice = taken(listed);
  for (const row of listed) {
    const isChosen = choice.has(row.shardId);
    if (row.problem !== undefined && isChosen) throw new Error('a row that cannot be read is taken');
    if (row.shardId === changed) continue;
    expect(row).toEqual(sound.get(row.shardId));
    if (!isEnded(row) && !isChosen) throw new Error(`nobody takes ${row.shardId}`);
  }
  for (const shardId of sound.keys())
    if (shardId !== changed && !listed.some((row) => row.shardId === shardId)) throw new Error(`${shardId} is gone`);
}

function expectNoFalseWatermark(
  listed: readonly ShardLease[],
  isMalformed: boolean,
  changed: string | undefined,
): void {
  const watermark = watermarkOf(listed, new Map());
  if (watermark === null) return;
  if (isMalformed) throw new Error('a watermark over a row that cannot be read');
  for (const { shardId, readUpTo, ...row } of listed)
    if (shardId !== changed && row.checkpoint !== 'SHARD_END' && watermark > (readUpTo ?? 0))
      throw new Error(`the watermark is ${watermark}, ${shardId} was read up to ${readUpTo}`);
}
