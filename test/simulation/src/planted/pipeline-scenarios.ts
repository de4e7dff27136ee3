import { names, syncNames, table } from '../world/names.js';
import { type Scenario, type Script } from './script.js';

/** `P` is the pod that is watched, `Q` another of its region, `R` one of the other region. */
const [P, Q, R] = ['us/pod-0', 'us/pod-1', 'eu/pod-0'] as const;

/** For each bug planted in sync, in the dispatcher or in what they stand on, the shortest story in which it tells. */
export const pipelineScenarios: readonly Scenario[] = [
  ...(['a write is sent again under the same id', 'an ambiguous write is made again under a new id'] as const).map(
    (bug) =>
      ({
        bug,
        world: { writeTimeoutMs: 1_000 },
        play: async (script) => {
          // Nobody lets the answer go on: it is lost.
          script.holdAnswers(P);
          await script.put(P);
          await script.put(Q);
          await script.pass(3_000);
        },
      }) satisfies Scenario,
  ),
  {
    bug: 'sync checkpoints before Kafka has acknowledged',
    play: async (script) => {
      await cached(script);
      const held = syncNames('us').map((sync) => script.link(sync, 'kafka').hold('request', /^send/));
      await script.put(Q);
      await script.pass(9_000);
      for (const each of held) each.drop();
      await script.pass(9_000);
      await script.get(P);
    },
  },
  {
    bug: 'a closing page claims that the shard is read',
    play: async (script) => {
      await cached(script);
      const { stream } = script.world.region('us');
      for (const shardId of stream.openShards) stream.split(shardId);
      await script.put(Q);
      for (let time = 0; time < 30; time += 1) {
        await script.get(P);
        await script.pass(100);
      }
    },
  },
  {
    bug: 'the watermark is the highest claim',
    world: { shards: 2 },
    play: async (script) => {
      await cached(script);
      const { leases } = script.world.region('us');
      const row = leases.row(script.world.shardOf('us', 'a'));
      const owner = row?.owner?.replace(/#.*/, '') ?? '';
      const held = script.link(owner, 'kinesis').hold('request', /^read shard/);
      await script.put(Q);
      await script.pass(3_500);
      await script.get(P);
      held.release();
    },
  },
  {
    bug: 'sync does not notice that records have left the stream',
    world: { retentionMs: 8_000 },
    play: async (script) => {
      await cached(script);
      await script.cutOff(syncNames('us'), 'kinesis', async () => {
        await script.put(Q);
        await script.pass(10_000);
      });
      await script.pass(6_000);
      await script.get(P);
    },
  },
  {
    bug: 'the dispatcher does not notice a gap',
    play: async (script) => {
      await cached(script);
      const { owner, other } = script.dispatchers('us');
      await script.cutOff([owner, other], 'kafka', async () => {
        await script.pass(500);
        await script.settledPut(Q);
        script.trim('us', [names.cdc(table)]);
      });
      await script.pass(12_000);
      await script.get(P);
    },
  },
  {
    bug: 'the dispatcher commits before the pods’ topics have acknowledged',
    play: async (script) => {
      await cached(script);
      const { owner } = script.dispatchers('us');
      // Nobody lets the requests go on: they are lost.
      script.link(owner, 'kafka').hold('request', /^send/);
      await script.settledPut(Q);
      script.world.slot(owner).kill();
      await script.pass(12_000);
      await script.get(P);
    },
  },
  {
    bug: 'routes are not read at an assignment',
    play: async (script) => {
      await cached(script);
      const region = script.world.region('us');
      const { owner, other } = script.dispatchers('us');
      const held = script.link(other, 'kafka').hold('answer', /^fetch$/);
      const added = region.newTopic();
      region.writeRoute({ ...region.route, [added]: 'now' });
      await script.pass(4_000);
      await script.get(P);
      script.world.slot(owner).kill();
      await script.pass(9_000);
      await script.put(Q);
      await script.pass(3_000);
      held.release();
      await script.pass(5_000);
      await script.get(P);
    },
  },
  {
    bug: 'pods follow another region than they read',
    play: async (script) => {
      const { trouble } = script.world.table;
      await script.settledPut(Q);
      await script.get(R);
      trouble.eu.replicationHeldUntilMs = script.stage.scheduler.nowMs + 4_000;
      await script.settledPut(Q);
      script.forget(R);
      await script.get(R);
      await script.pass(4_000);
      await script.get(R);
    },
  },
];

/** The watched pod holds a value that is confirmed. */
async function cached(script: Script): Promise<void> {
  await script.settledPut(Q);
  await script.get(P);
  await script.pass(500);
}
