import assert from 'node:assert/strict';
import { importRoutes } from '@tidemark/control';
import { systemClock, wait } from '@tidemark/runtime';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';
import { type RealKafka } from '../real-kafka.mjs';
import { figuresOf, type Loss, wrongWith } from './outcome.js';
import { PipelineWorld } from './pipeline-world.js';

export interface Cluster {
  readonly kafka: RealKafka;
  readonly seed: number;
}

const stopMs = 15_000;
const awayMs = 60_000;

/** What is done to three brokers under a whole pipeline with its pods; `isLong`: each fault on every broker, and those that take minutes. */
export function clusterFaults(cluster: () => Cluster, isLong: boolean): readonly ContractCase[] {
  const short = [
    on('one broker restarts in good order and one is killed', (world, kafka) => oneOfEach(world, kafka)),
    on('the routing topic is deleted, made again and restored', routesLost, { loss: 'routes' }),
  ];
  const long = [
    on('a rolling restart', (world, kafka) => roll(world, kafka, 'SIGTERM')),
    on('kill -9 of each broker in turn', (world, kafka) => roll(world, kafka, 'SIGKILL')),
    on('a broker that stands still for a quarter of a minute', standsStill),
    on('a broker that is away at the start', () => Promise.resolve(), { start: awayAtStart }),
    on('every broker away for a minute', allAway),
    on('every broker away for a minute from the start on', () => Promise.resolve(), { start: allAwayAtStart }),
    on('retention passes what no dispatcher has read', retentionCut, { loss: 'events' }),
    on('the table topic is deleted and made again', madeAgain, { loss: 'events' }),
  ];
  return isLong ? [...short, ...long] : short;

  function on(
    name: string,
    disturb: Disturb,
    { start = inOrder, loss = 'nothing' }: Partial<Fault> = {},
  ): ContractCase {
    return { name, run: () => play(cluster(), { name, disturb, start, loss }) };
  }
}

type Disturb = (world: PipelineWorld, kafka: RealKafka) => Promise<void>;
type Start = (world: PipelineWorld, kafka: RealKafka) => Promise<void>;

interface Fault {
  readonly name: string;
  readonly disturb: Disturb;
  readonly start: Start;
  readonly loss: Loss;
}

async function play({ kafka, seed }: Cluster, { name, disturb, start, loss }: Fault): Promise<void> {
  const world = new PipelineWorld({ brokers: kafka.brokers, seed });
  try {
    await start(world, kafka);
    await world.underLoad(async () => {
      await world.writes(50);
      await world.begin();
      await disturb(world, kafka);
      await world.writes(50);
    });
    const outcome = await world.outcome({ isCut: loss === 'events' });
    process.stdout.write(`${figuresOf(name, seed, outcome)}\n`);
    assert.deepEqual(wrongWith(outcome, loss), [], `seed ${seed}`);
  } finally {
    await world.stop();
  }
}

async function inOrder(world: PipelineWorld): Promise<void> {
  await world.prepare();
  await world.start();
}

async function again(world: PipelineWorld, kafka: RealKafka, index: number, signal: NodeJS.Signals): Promise<void> {
  await kafka.kill(index, signal);
  await world.writes(50);
  await kafka.restart(index);
  await world.replicated();
}

async function oneOfEach(world: PipelineWorld, kafka: RealKafka): Promise<void> {
  await again(world, kafka, 0, 'SIGTERM');
  await again(world, kafka, 1, 'SIGKILL');
}

async function roll(world: PipelineWorld, kafka: RealKafka, signal: NodeJS.Signals): Promise<void> {
  for (const index of kafka.brokers.keys()) await again(world, kafka, index, signal);
}

async function standsStill(world: PipelineWorld, kafka: RealKafka): Promise<void> {
  await kafka.kill(2, 'SIGSTOP');
  try {
    await wait(systemClock, stopMs);
  } finally {
    await kafka.kill(2, 'SIGCONT');
  }
  await world.replicated();
}

async function awayAtStart(world: PipelineWorld, kafka: RealKafka): Promise<void> {
  await world.prepare();
  await kafka.kill(0);
  await world.start();
  await kafka.restart(0);
}

/** Processes and pods begin, and have nobody to ask. */
async function allAwayAtStart(world: PipelineWorld, kafka: RealKafka): Promise<void> {
  await world.prepare();
  for (const index of kafka.brokers.keys()) await kafka.kill(index);
  const back = wait(systemClock, awayMs).then(() => restartAll(kafka));
  await Promise.all([world.start(), back]);
}

async function allAway(world: PipelineWorld, kafka: RealKafka): Promise<void> {
  for (const index of kafka.brokers.keys()) await kafka.kill(index);
  await wait(systemClock, awayMs);
  await restartAll(kafka);
  await world.replicated();
}

async function restartAll(kafka: RealKafka): Promise<void> {
  await Promise.all([...kafka.brokers.keys()].map((index) => kafka.restart(index)));
}

/** Partitions of the table's topics. */
const partitions = 4;

/** As docs/operating/restore.md has it: nobody is restarted, events go on, and one import puts back what stood. */
async function routesLost(world: PipelineWorld): Promise<void> {
  const { routes: topic } = world.names;
  const { table } = await world.routingAdmin();
  // The admin has written to the topic that goes, and readers stand behind more than the import will write.
  for (const type of ['pause', 'resume'] as const)
    await table.operate(world.table, { type }, { ifMatch: table.get(world.table).version, actor: 'test' });
  const admin = await world.admin();
  await admin.deleteTopics({ topics: [topic] });
  await world.writes(100);
  const configs = { 'cleanup.policy': 'compact', 'min.insync.replicas': '2' };
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
  const made = { topic, numPartitions: 1, replicationFactor: 3, configEntries };
  await admin.createTopics({ waitForLeaders: true, topics: [made] });
  await world.routesBegunAnew();
  await world.writes(50);
  assert.deepEqual(world.flushes(), [0, 0], 'the loss alone flushes nothing');
  await eventually('the admin may write again', () => table.state.type === 'writer', 60_000);
  const { restored } = await importRoutes(table, table.export(), { actor: 'test' });
  assert.deepEqual(restored, [world.table]);
  const isFlushed = (): boolean => world.flushes().every((count) => count === partitions);
  await eventually('each pod has flushed each partition once', isFlushed, 60_000);
  const [kept, more] = [world.names.cache(world.table), world.names.cache('more')];
  const { version } = table.get(world.table);
  await table.put(world.table, [kept, more], { ifMatch: version, actor: 'test' });
  const isFed = async (): Promise<boolean> =>
    (await admin.fetchTopicOffsets(more)).every(({ high }) => Number(high) > 0);
  await eventually('the next change has come to both dispatchers', isFed, 60_000);
  await eventually('and to both pods', () => world.followed().every((followed) => followed === more), 60_000);
}

const dispatchers = ['dispatcher-1', 'dispatcher-2'] as const;

async function retentionCut(world: PipelineWorld): Promise<void> {
  for (const role of dispatchers) await world.killRole(role);
  const admin = await world.admin();
  const ends = await admin.fetchTopicOffsets(world.tableTopic);
  await world.writes(100);
  /** A segment goes when its last record is too old: each has a second, since watermarks never end. */
  const retain = async (ms: number): Promise<void> => {
    const configs = { 'retention.ms': String(ms), 'segment.ms': '1000', 'min.insync.replicas': '2' };
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    const resources = [{ type: 2, name: world.tableTopic, configEntries }];
    await admin.alterConfigs({ validateOnly: false, resources });
  };
  await retain(1_000);
  const isCut = async (): Promise<boolean> => {
    const now = await admin.fetchTopicOffsets(world.tableTopic);
    return now.every(({ partition, low }) => Number(low) > endOf(ends, partition));
  };
  await eventually('the brokers have deleted what nobody read', isCut, 60_000);
  await retain(86_400_000);
  for (const role of dispatchers) await world.startRole(role);
}

function endOf(ends: readonly { readonly partition: number; readonly high: string }[], partition: number): number {
  return Number(ends.find((end) => end.partition === partition)?.high ?? 0);
}

/** What the dispatchers stand at is far beyond where the new log ends: one that has grown past it would be taken for the old one. */
async function madeAgain(world: PipelineWorld): Promise<void> {
  await world.lengthen(8_000);
  const admin = await world.admin();
  await admin.deleteTopics({ topics: [world.tableTopic] });
  await world.writes(50);
  await eventually('sync has made it again', async () => (await admin.listTopics()).includes(world.tableTopic), 60_000);
  await world.replicated();
}
