import { type Scenario } from './script.js';

/** `P` is the pod that is watched, `Q` another of its region, `R` one of the other region. */
const [P, Q, R] = ['us/pod-0', 'us/pod-1', 'eu/pod-0'] as const;

/** For each bug planted in a pod, the shortest story in which it tells. */
export const cacheScenarios: readonly Scenario[] = [
  {
    bug: 'a fill has no fence',
    play: async (script) => {
      await script.settledPut(Q);
      const held = script.holdAnswers(P);
      await script.get(P);
      await script.settledPut(Q);
      held.release();
      await script.pass(100);
      await script.get(P);
    },
  },
  {
    bug: 'a put has no fence',
    play: async (script) => {
      const held = script.holdAnswers(P);
      await script.put(P);
      await script.settledPut(Q);
      held.release();
      await script.pass(100);
      await script.get(P);
    },
  },
  {
    bug: 'dirty fills are joined',
    play: async (script) => {
      await script.settledPut(Q);
      const held = script.holdAnswers(P);
      await script.get(P);
      await script.put(P);
      script.forget(P);
      await script.get(P);
      held.release();
    },
  },
  {
    bug: 'a fenced fill leaves an entry that differs',
    play: async (script) => {
      const held = script.holdRequests(P);
      await script.get(P);
      await script.put(P);
      const changes = script.holdChanges('us');
      await script.put(Q);
      held.release();
      await script.pass(100);
      await script.get(P);
      changes.release();
    },
  },
  {
    bug: 'an event creates an entry',
    play: async (script) => {
      const changes = script.holdChanges('us');
      await script.put(Q);
      await script.put(Q);
      changes.deliver(1);
      script.world.slot(P).kill();
      await script.heard();
      script.world.slot(P).start();
      await script.pass(4_000);
      changes.release();
      await script.heard();
      await script.get(P);
    },
  },
  {
    bug: 'a cached absence is trusted',
    play: async (script) => {
      const changes = script.holdChanges('us');
      await script.put(Q);
      await script.remove(P);
      changes.deliver(0);
      await script.heard();
      await script.get(P);
      changes.release();
    },
  },
  {
    bug: 'no write id equals no write id',
    play: async (script) => {
      const changes = script.holdChanges('us');
      await script.put(Q);
      script.foreignWrite('us', 'put');
      await script.get(P);
      changes.deliver(0);
      await script.heard();
      await script.get(P);
      changes.release();
    },
  },
  {
    bug: 'foreign events are treated as ordinary',
    play: async (script) => {
      await script.settledPut(Q);
      await script.get(P);
      script.foreignWrite('us', 'keep');
      await script.heard();
      await script.get(P);
    },
  },
  {
    bug: 'the highest write id wins',
    play: async (script) => {
      const { trouble } = script.world.table;
      trouble.eu.replicationHeldUntilMs = script.stage.scheduler.nowMs + 3_000;
      script.world.slot(R).setClockOffset(-5_000);
      await script.settledPut(Q);
      await script.get(P);
      await script.put(R);
      await script.heard();
      await script.get(P);
    },
  },
  {
    bug: 'writes of unknown outcome are known',
    world: { writeTimeoutMs: 500 },
    play: async (script) => {
      const held = script.holdRequests(P);
      await script.put(P);
      await script.pass(1_000);
      await script.get(P);
      held.release();
      await script.heard();
    },
  },
  {
    bug: 'a flush keeps what is in flight',
    play: async (script) => {
      await script.settledPut(Q);
      const held = script.holdAnswers(P);
      await script.get(P);
      await script.cutOff([P], 'kafka', async () => {
        await script.pass(4_000);
        await script.settledPut(Q);
        script.trim('us', script.topics('us'));
      });
      await script.pass(3_000);
      held.release();
      await script.pass(100);
      await script.get(P);
    },
  },
  ...(['a gap flushes nothing', 'a flush keeps its entries'] as const).map(
    (bug) =>
      ({
        bug,
        play: async (script) => {
          await script.settledPut(Q);
          await script.get(P);
          await script.cutOff([P], 'kafka', async () => {
            await script.pass(4_000);
            await script.settledPut(Q);
            script.trim('us', script.topics('us'));
          });
          await script.pass(3_000);
          await script.get(P);
        },
      }) satisfies Scenario,
  ),
  {
    bug: 'stamps have no margin',
    play: async (script) => {
      const { trouble } = script.world.table;
      await script.settledPut(Q);
      await script.get(P);
      await script.settledPut(Q);
      const changes = script.holdChanges('us');
      trouble.us.stampShiftMs = 2_000;
      await script.put(Q);
      trouble.us.stampShiftMs = 0;
      await script.put(Q);
      changes.deliver(1);
      await script.heard();
      await script.get(P);
      changes.release();
      await script.heard();
      await script.get(P);
    },
  },
  {
    bug: 'the fast lane carries stamps',
    world: { fastLane: true },
    play: async (script) => {
      await script.settledPut(Q);
      await script.get(P);
      const changes = script.holdChanges('us');
      await script.put(Q);
      await script.put(R);
      await script.put(R);
      await script.pass(500);
      changes.deliver(2);
      await script.heard();
      changes.release();
      await script.heard();
      await script.get(P);
    },
  },
  ...(['since is ignored', 'a topic comes back with its old since'] as const).map(
    (bug) =>
      ({
        bug,
        play: async (script) => {
          const region = script.world.region('us');
          const [first = ''] = script.topics('us');
          await script.settledPut(Q);
          await script.get(P);
          await script.cutOff([P], 'kafka', async () => {
            await script.pass(4_000);
            const second = region.newTopic();
            region.writeRoute({ ...region.route, [second]: 'now' });
            await script.pass(2_000);
            region.writeRoute({ [second]: region.route[second] ?? 'now' });
            await script.pass(2_000);
            await script.settledPut(Q);
            region.writeRoute({ ...region.route, [first]: 'now' });
            await script.pass(2_000);
            region.writeRoute({ [first]: region.route[first] ?? 'now' });
            await script.pass(1_000);
          });
          await script.pass(4_000);
          await script.get(P);
        },
      }) satisfies Scenario,
  ),
  {
    bug: 'an invalidation is not heard',
    play: async (script) => {
      const { trouble } = script.world.table;
      await script.settledPut(Q);
      await script.get(P);
      trouble.us.flawedShare = 1;
      await script.settledPut(Q);
      await script.get(P);
    },
  },
  {
    bug: 'a flush of the table is not heard',
    play: async (script) => {
      const { trouble } = script.world.table;
      await script.settledPut(Q);
      await script.get(P);
      Object.assign(trouble.us, { flawedShare: 1, flaw: 'key' });
      await script.settledPut(Q);
      await script.get(P);
    },
  },
  {
    bug: 'fills read an eventually consistent replica',
    play: async (script) => {
      await script.settledPut(Q);
      await script.get(P);
      await script.settledPut(Q);
      script.forget(P);
      await script.get(P);
    },
  },
];
