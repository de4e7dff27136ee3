import {
  ConditionalCheckFailedException,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  type Shard,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { topicNames } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { type Deed, type Link } from '../plan/step.js';
import { cacheName, table } from '../pod-protocol.js';
import { type ChaosWorld, leaseTable, region, topicPrefix } from './chaos-world.js';

const names = topicNames(topicPrefix);
/** While workers take leases anew, nobody holds one: as long as a lease takes to expire, and some, ms. */
const stealWithinMs = 20_000;

/** Makes what the step says go wrong, or right again. Rejects where it hit nothing. */
export async function doDeed(world: ChaosWorld, deed: Deed): Promise<void> {
  switch (deed.do) {
    case 'kill':
      return world.end(deed.role, 'SIGKILL');
    case 'start':
      return world.start(deed.role);
    case 'pause':
      return world.process(deed.role).pause();
    case 'resume':
      return world.process(deed.role).resume();
    case 'latency':
      return world.proxy(deed.link).latency(deed.ms, deed.jitterMs);
    case 'shift-clock':
      return world.process(deed.role).shiftClock(deed.ms);
    default:
      return 'link' in deed ? breakLink(world, deed.do, deed.link) : disturb(world, deed);
  }
}

/** Ends everything that lasts: links are healed, what stands goes on, what was killed is started, clocks are right. */
export async function healAll(
  world: ChaosWorld,
  roles: readonly Parameters<ChaosWorld['process']>[0][],
): Promise<void> {
  world.aws.faults.clearRequestFaults();
  for (const role of roles) {
    const process = world.process(role);
    if (process.isPaused) process.resume();
    if (!process.isRunning) world.start(role);
    else if (role !== 'kafka') process.shiftClock(0);
  }
}

type LinkDeed = 'stall' | 'stall-up' | 'stall-down' | 'reset' | 'cut' | 'half-open' | 'heal';

function breakLink(world: ChaosWorld, what: LinkDeed, link: Link): void {
  const proxy = world.proxy(link);
  switch (what) {
    case 'stall':
      return proxy.stall();
    case 'stall-up':
      return proxy.stall('up');
    case 'stall-down':
      return proxy.stall('down');
    case 'reset':
      return proxy.reset();
    case 'cut':
      return proxy.cut();
    case 'half-open':
      return proxy.halfOpen();
    case 'heal':
      return proxy.heal();
  }
}

type RouteDeed = 'move-route' | 'hold-route' | 'rewind-route';

type Disturbance = Extract<
  Deed,
  { readonly do: 'steal' | 'poison' | 'oversize' | 'split' | 'merge' | 'throttle' | 'cut-retention' | RouteDeed }
>;

async function disturb(world: ChaosWorld, deed: Disturbance): Promise<void> {
  switch (deed.do) {
    case 'steal':
      return stealLease(world, deed.index);
    case 'poison':
      return poison(world, deed.count);
    case 'oversize':
      return oversize(world, deed.count);
    case 'split':
      return split(world);
    case 'merge':
      return merge(world);
    case 'throttle':
      return void world.aws.faults.throttle({ service: deed.service }, deed.times);
    case 'cut-retention':
      return cutRetention(world);
    case 'move-route':
      return world.mover.move();
    case 'hold-route':
      return world.mover.hold(deed.ms);
    case 'rewind-route':
      return world.mover.rewind(deed.ms);
  }
}

const thief = 'thief';

/** A shard's lease, chosen by its place among those that a worker holds. Nobody may hold any while they are being taken anew: that is waited for. */
async function stealLease({ dynamodb }: ChaosWorld, index: number): Promise<void> {
  const isStolen = async (): Promise<boolean> => {
    const { Items: items = [] } = await dynamodb.send(new ScanCommand({ TableName: leaseTable, ConsistentRead: true }));
    const held = items
      .map(({ leaseKey, leaseOwner }) => ({ shardId: leaseKey?.S ?? '', owner: leaseOwner?.S ?? thief }))
      .filter(({ shardId, owner }) => owner !== thief && shardId.startsWith('shardId-'))
      .sort((a, b) => (a.shardId < b.shardId ? -1 : 1));
    const chosen = held[index % Math.max(1, held.length)];
    return chosen !== undefined && steal(dynamodb, chosen.shardId, chosen.owner);
  };
  await eventually('a lease to steal', isStolen, stealWithinMs);
}

/** Resolves to `false` where it has changed hands since. */
async function steal(dynamodb: ChaosWorld['dynamodb'], shardId: string, owner: string): Promise<boolean> {
  try {
    await dynamodb.send(
      new UpdateItemCommand({
        TableName: leaseTable,
        Key: { leaseKey: { S: shardId } },
        ConditionExpression: 'leaseOwner = :owner',
        UpdateExpression: 'SET leaseOwner = :thief ADD leaseCounter :one, ownerSwitchesSinceCheckpoint :one',
        ExpressionAttributeValues: { ':thief': { S: thief }, ':owner': { S: owner }, ':one': { N: '1' } },
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}

async function poison({ kinesis, dynamodb, aws }: ChaosWorld, count: number): Promise<void> {
  const { streamName } = aws.region(region);
  const garbage = ['', '{', 'null', '[]', '{"tableName":"things","dynamodb":{}}', '\u0000\uffff', '{"__proto__":{}}'];
  for (let n = 0; n < count; n += 1) {
    const bytes = Buffer.from(garbage[n % garbage.length] || ' ');
    await kinesis.send(new PutRecordCommand({ StreamName: streamName, PartitionKey: `poison-${n}`, Data: bytes }));
    const item = { key: { S: `${cacheName}:poison-${n}` }, value: { N: String(n) }, writeId: { BOOL: true } };
    await dynamodb.send(new PutItemCommand({ TableName: table, Item: item }));
  }
}

/** Larger than an event may be, and not so large that the stream would leave the change out. */
async function oversize({ dynamodb }: ChaosWorld, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    for (const letter of ['x', 'y']) {
      const value = JSON.stringify(letter.repeat(380_000));
      const item = { key: { S: `${cacheName}:oversize-${n}` }, value: { S: value } };
      await dynamodb.send(new PutItemCommand({ TableName: table, Item: item }));
    }
  }
}

async function openShards({ kinesis, aws }: ChaosWorld): Promise<readonly Shard[]> {
  const { Shards: shards = [] } = await kinesis.send(
    new ListShardsCommand({ StreamName: aws.region(region).streamName }),
  );
  const open = shards.filter(({ SequenceNumberRange: range }) => range?.EndingSequenceNumber === undefined);
  return open.sort((a, b) => (startOf(a) < startOf(b) ? -1 : 1));
}

const startOf = ({ HashKeyRange: range }: Shard): bigint => BigInt(range?.StartingHashKey ?? 0);
const widthOf = ({ HashKeyRange: range }: Shard): bigint =>
  BigInt(range?.EndingHashKey ?? 0) - BigInt(range?.StartingHashKey ?? 0);

async function split(world: ChaosWorld): Promise<void> {
  const [widest] = [...(await openShards(world))].sort((a, b) => (widthOf(a) > widthOf(b) ? -1 : 1));
  if (widest === undefined) throw new Error('no shard to split');
  await world.kinesis.send(
    new SplitShardCommand({
      StreamName: world.aws.region(region).streamName,
      ShardToSplit: widest.ShardId,
      NewStartingHashKey: String(startOf(widest) + widthOf(widest) / 2n),
    }),
  );
}

async function merge(world: ChaosWorld): Promise<void> {
  const [first, second] = await openShards(world);
  if (first === undefined || second === undefined) throw new Error('no shards to merge');
  await world.kinesis.send(
    new MergeShardsCommand({
      StreamName: world.aws.region(region).streamName,
      ShardToMerge: first.ShardId,
      AdjacentShardToMerge: second.ShardId,
    }),
  );
}

/** Everything but the last record of each partition goes, and with it what dispatchers have not done yet. */
async function cutRetention({ kafka }: ChaosWorld): Promise<void> {
  const admin = kafka.admin({});
  await admin.connect();
  try {
    const all = await admin.listTopics();
    let undone = 0n;
    for (const topic of all.filter((name) => name.startsWith(names.cdc('')) || name.startsWith(names.cache('')))) {
      const offsets = await admin.fetchTopicOffsets(topic);
      const partitions = offsets.map(({ partition, high }) => ({
        partition,
        offset: String(Math.max(0, Number(high) - 1)),
      }));
      const [done] = await admin.fetchOffsets({ groupId: names.dispatcherGroup, topics: [topic] });
      for (const { partition, offset } of done?.partitions ?? []) {
        const goneBefore = BigInt(partitions.find((each) => each.partition === partition)?.offset ?? 0);
        if (BigInt(offset) >= 0n && BigInt(offset) < goneBefore) undone += goneBefore - BigInt(offset);
      }
      await admin.deleteTopicRecords({ topic, partitions });
    }
    if (undone === 0n) throw new Error('the cut took nothing away that dispatchers had not done');
  } finally {
    await admin.disconnect();
  }
}
