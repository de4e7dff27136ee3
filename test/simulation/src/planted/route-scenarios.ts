import { type Wish } from '../roles/admin-slot.js';
import { names, table } from '../world/names.js';
import { type Scenario, type Script } from './script.js';

/** `P` is the pod that is watched, `Q` another of its region. */
const [P, Q] = ['us/pod-0', 'us/pod-1'] as const;

/** For each bug planted in what becomes of partitions and routes, the shortest story in which it tells. */
export const routeScenarios: readonly Scenario[] = [
  {
    bug: 'a partition that is let go is committed to the end of its batch',
    play: async (script) => {
      await cached(script);
      const { owner, other } = script.dispatchers('us');
      const link = script.link(owner, 'kafka');
      const fetched = link.hold('answer', new RegExp(`^fetch ${names.cdc(table)}`), 1);
      await script.put(Q);
      const later = link.hold('request', new RegExp(`^fetch ${names.cdc(table)}`), 1);
      // More than one send takes, and one batch.
      for (let time = 0; time < 8; time += 1) await script.put(Q);
      await script.pass(500);
      fetched.release();
      await script.pass(100);
      const sent = link.hold('answer', /^send/);
      later.release();
      await script.pass(200);
      script.world.slot(other).restart();
      await script.pass(1_200);
      sent.release();
      await script.pass(8_000);
      await script.get(P);
    },
  },
  {
    bug: 'events of a paused table are left out',
    play: async (script) => {
      await cached(script);
      await asked(script, () => ({ type: 'pause' }));
      await script.settledPut(Q);
      await asked(script, () => ({ type: 'resume' }));
      await script.pass(3_000);
      await script.get(P);
    },
  },
  {
    bug: 'a move ends before the pods have followed',
    breaks: 'I1',
    // With it, pods say which topics they follow.
    world: { fastLane: true },
    play: async (script) => {
      await script.pass(6_000);
      // It says how far it is, and hears of nothing.
      const heard = script.link(P, 'kafka').hold('answer', /^fetch$/);
      await moved(script);
      await script.pass(6_000);
      heard.release();
    },
  },
  {
    bug: 'an admin ends only the moves that it has begun',
    breaks: 'I1',
    // With it, pods say which topics they follow.
    world: { fastLane: true },
    play: async (script) => {
      await cached(script);
      await moved(script);
      const admin = script.world.admin('us');
      admin.kill();
      await script.pass(500);
      admin.start();
      await script.pass(5_000);
      await script.get(P);
    },
  },
];

async function asked(script: Script, wish: Wish): Promise<void> {
  script.world.admin('us').ask(wish);
  await script.pass(1_000);
}

/** The route is on its way to a new topic. */
async function moved(script: Script): Promise<void> {
  const to = script.world.region('us').newTopic();
  script.world.admin('us').ask(() => ({ type: 'move', to }));
  await script.pass(60);
}

/** The watched pod holds a value that is confirmed. */
async function cached(script: Script): Promise<void> {
  await script.settledPut(Q);
  await script.get(P);
  await script.pass(500);
}
