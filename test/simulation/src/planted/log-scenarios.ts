import { type KeyRange } from '@tidemark/protocol';
import { deleteTopic, electLeader, fill } from '../kafka/other-log.js';
import { dispatcherNames, itemKey, names, table } from '../world/names.js';
import { type Region } from '../world/region.js';
import { asked } from './rewind-scenarios.js';
import { type Scenario, type Script } from './script.js';

/** `P` is the pod that is watched, `Q` another of its region. */
const [P, Q] = ['us/pod-0', 'us/pod-1'] as const;
const cdc = names.cdc(table);
/** None of the keys that scripts are about. */
const others: KeyRange = { from: itemKey('b'), to: itemKey('c') };

/** For each bug planted in how a log is told from the one that comes after it, the shortest story in which it tells. */
export const logScenarios: readonly Scenario[] = [
  ...(['a pod reads its topics by their names alone', 'a pod is not told that a topic has begun anew'] as const).map(
    (bug) => ({ bug, play: (script: Script) => podMisses(script, (region, topic) => deleteTopic(region, topic, 2)()) }),
  ),
  {
    bug: 'a pod does not say of which leader it has read',
    play: (script) =>
      podMisses(script, (region, topic, position) => void electLeader(region, topic, 0, position - 1, 2)),
  },
  {
    bug: 'the routing topic is read by its name alone',
    play: async (script) => {
      await cached(script);
      const region = us(script);
      const admin = script.world.admin('us');
      await script.cutOff([P], 'kafka', async () => {
        deleteTopic(region, names.routes)();
        await script.pass(1_500);
        // As many records as the pod has read, and not the same.
        admin.ask(() => ({ type: 'put', topics: [region.newTopic()] }));
        await script.pass(1_500);
      });
      await script.pass(4_000);
      await script.settledPut(Q);
    },
  },
  ...(
    [
      'the group reads its topics by their names alone',
      'the dispatcher is not told that a topic has begun anew',
      'a commit does not say in which log it lies',
    ] as const
  ).map((bug) => ({ bug, play: (script: Script) => groupMisses(script, (region) => deleteTopic(region, cdc, 2)()) })),
  {
    bug: 'the group does not say of which leader it has read',
    play: (script) => groupMisses(script, (region, committed) => void electLeader(region, cdc, 0, committed - 1, 2)),
  },
  {
    bug: 'what is at work in a log is committed over the one that came after it',
    play: async (script) => {
      await cached(script);
      const { owner } = script.dispatchers('us');
      const link = script.link(owner, 'kafka');
      const region = us(script);
      const sends = link.hold('answer', /^send/);
      // A watermark is on its way.
      await script.pass(1_050);
      const { end } = region.kafka.log(cdc, 0);
      deleteTopic(region, cdc)();
      // The member looks it up while what is at work is still on its way, and reads the new log only after that has ended.
      await script.pass(20);
      await script.pass(200);
      const fetches = link.hold('answer', /^fetch/);
      await script.put(Q);
      await script.pass(700);
      fill(region.kafka, cdc, 0, end + 2);
      sends.release();
      await script.pass(100);
      fetches.drop();
      await script.pass(5_000);
      await script.get(P);
    },
  },
  {
    bug: 'what is noted of a rewind outlives its log',
    play: async (script) => {
      await cached(script);
      const { owner } = script.dispatchers('us');
      const held = script.link(owner, 'kafka').hold('request', /^(send|commit (?!of))/);
      asked(script, others);
      await script.pass(800);
      deleteTopic(us(script), cdc)();
      held.drop();
      await script.pass(3_000);
      await script.get(P);
      await script.pass(500);
      await script.settledPut(Q);
      await script.get(P);
    },
  },
];

/** The watched pod hears nothing of a change, because the log that has it becomes another one. */
async function podMisses(
  script: Script,
  befall: (region: Region, topic: string, position: number) => void,
): Promise<void> {
  await cached(script);
  const region = us(script);
  const [topic = ''] = script.topics('us');
  await script.cutOff([P], 'kafka', async () => {
    await script.pass(100);
    const position = Number(script.world.pod(P).positions(topic)[0]);
    await script.settledPut(Q);
    befall(region, topic, position);
  });
  await script.pass(3_000);
  await script.get(P);
}

/** The dispatchers hear nothing of it: none runs until then. */
async function groupMisses(script: Script, befall: (region: Region, committed: number) => void): Promise<void> {
  await cached(script);
  const region = us(script);
  const slots = dispatcherNames('us').map((name) => script.world.slot(name));
  for (const slot of slots) slot.kill();
  const committed = region.group.committed({ topic: cdc, partition: 0 }) ?? 0;
  await script.settledPut(Q);
  befall(region, committed);
  for (const slot of slots) slot.start();
  await script.pass(12_000);
  await script.get(P);
}

function us(script: Script): Region {
  return script.world.region('us');
}

/** The watched pod holds a value that is confirmed. */
async function cached(script: Script): Promise<void> {
  await script.settledPut(Q);
  await script.get(P);
  await script.pass(500);
}
