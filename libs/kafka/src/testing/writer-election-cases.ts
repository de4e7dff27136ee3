import assert from 'node:assert/strict';
import { RoutingTable } from '@tidemark/control';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { createKafkaClient, type KafkaClient } from '../kafka-client.js';
import { RouteTopic } from '../route-topic.js';
import { KafkaTopicAdmin } from '../topic-admin.js';
import { KafkaWriterElection } from '../writer-election.js';
import { contractCase, type ContractWorld, type KafkaHarness } from './contract-world.js';

/** One of several admins writes the routing table, whichever of them lives. */
export function writerElectionCases(harness: KafkaHarness): ContractCase[] {
  const on = (name: string, run: (world: ContractWorld) => Promise<void>): ContractCase =>
    contractCase(harness, `writer election: ${name}`, run);
  return [
    on('elects one of two, and tells the other who it is', electsOne),
    on('a writer that leaves is followed at once', followed),
    on('a writer that is cut off stops by itself; the other takes over, and is not disturbed by its return', cutOff),
  ];
}

const [a, b] = ['cache.a', 'cache.b'];
/** A session, a look, a join and a read to the end. */
const takeOverMs = 20_000;

/** One admin without its HTTP. */
class Replica {
  readonly election: KafkaWriterElection;
  readonly table: RoutingTable;

  constructor(world: ContractWorld, client: KafkaClient) {
    const { names, logger } = world;
    this.election = new KafkaWriterElection({ client, names, logger });
    const log = new RouteTopic({ client, names, logger, create: { replicationFactor: 1 } });
    const topics = new KafkaTopicAdmin({ client, replicationFactor: 1 });
    const { election } = this;
    this.table = world.keep(new RoutingTable({ log, topics, names, logger, election }), (one) => one.close());
  }

  get writes(): boolean {
    return this.table.state.type === 'writer';
  }
}

async function replicaOf(world: ContractWorld, clientId: string): Promise<Replica> {
  const replica = new Replica(world, createKafkaClient({ brokers: world.harness.brokers, clientId }));
  await replica.table.open();
  return replica;
}

async function pair(world: ContractWorld): Promise<{ readonly writer: Replica; readonly other: Replica }> {
  const [left, right] = [await replicaOf(world, 'admin-left'), await replicaOf(world, 'admin-right')];
  await eventually('one writes, and the other knows it', () => isPair(left, right), takeOverMs);
  const [writer, other] = left.writes ? [left, right] : [right, left];
  assert.deepEqual(leaderOf(other.table), [left.writes ? 'admin-left' : 'admin-right']);
  return { writer, other };
}

/** Who writes, as one that does not has heard. */
function leaderOf({ state }: RoutingTable): readonly string[] {
  return state.type === 'standby' && state.leader !== undefined ? [state.leader] : [];
}

function put(world: ContractWorld, { table }: Replica, topic: string, ifMatch: number | 'none'): Promise<unknown> {
  return table.put('users', [`${world.names.prefix}.${topic}`], { ifMatch, actor: 'ops' });
}

async function electsOne(world: ContractWorld): Promise<void> {
  const { writer, other } = await pair(world);
  assert.deepEqual([writer.writes, other.writes, writer.election.decided], [true, false, true]);
  await put(world, writer, a, 'none');
  await assert.rejects(put(world, other, b, 1), { code: 'NOT_WRITER' });
  await eventually('the other reads it', () => other.table.list().length === 1);
  assert.deepEqual(await world.committed(world.names.adminGroup, world.names.routes), [-1]);
}

async function followed(world: ContractWorld): Promise<void> {
  const { writer, other } = await pair(world);
  await put(world, writer, a, 'none');
  await writer.table.close();
  await eventually('the other writes', () => other.writes, takeOverMs);
  await put(world, other, b, 1);
  assert.equal(other.table.get('users').writerEpoch, 2);
}

async function cutOff(world: ContractWorld): Promise<void> {
  const clients = [world.mortal(), world.mortal()] as const;
  const [left, right] = [new Replica(world, clients[0]), new Replica(world, clients[1])];
  await Promise.all([left.table.open(), right.table.open()]);
  await eventually('one writes', () => isPair(left, right), takeOverMs);
  const [writer, other, client] = left.writes ? [left, right, clients[0]] : [right, left, clients[1]];
  await put(world, writer, a, 'none');
  client.sever();
  await eventually('the other writes', () => other.writes, takeOverMs);
  assert.equal(writer.writes, false);
  await assert.rejects(put(world, writer, b, 1), { code: 'NOT_WRITER' });
  await put(world, other, b, 1);
  client.mend();
  await eventually('it reads on', () => writer.table.get('users').version === 2, takeOverMs);
  await eventually('both are members, one writes', () => isPair(left, right), takeOverMs);
  await put(world, left.writes ? left : right, a, 2);
  await eventually('each has read it', () => [left, right].every(({ table }) => table.get('users').version === 3));
}

function isPair(left: Replica, right: Replica): boolean {
  return left.writes !== right.writes && leaderOf((left.writes ? right : left).table).length === 1;
}
