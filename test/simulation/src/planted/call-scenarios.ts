import { type Scenario } from './script.js';

/** `P` is the pod that is watched, `Q` another of its region. */
const [P, Q] = ['us/pod-0', 'us/pod-1'] as const;

/** As `amount` has it: a load of 2 s that brings a value, under a lease. */
const slowLoad = 0.6;
/** A bound of 5 s. */
const fiveSeconds = 0.75;

/** For each bug planted in a call's own safeguard, the shortest story in which it tells. */
export const callScenarios: readonly Scenario[] = [
  {
    bug: 'what was loaded is put',
    breaks: 'load',
    play: async (script) => {
      await script.ask('getOrLoad', P, slowLoad);
      await script.put(Q);
      await script.pass(4_000);
    },
  },
  {
    bug: 'a deletion leaves the lease of a load in place',
    breaks: 'load',
    world: { deletes: 'tombstone' },
    play: async (script) => {
      await script.ask('getOrLoad', P, slowLoad);
      await script.remove(Q);
      await script.pass(4_000);
    },
  },
  {
    bug: 'what is to be added overwrites',
    breaks: 'condition',
    play: async (script) => {
      await script.put(Q);
      await script.ask('putIfAbsent', P);
    },
  },
  {
    bug: 'the version that was asked for is not looked at',
    breaks: 'condition',
    play: async (script) => {
      await script.put(Q);
      await script.put(Q);
      // One before the last.
      await script.ask('putIfVersion', P, 0.9);
    },
  },
  {
    bug: 'a tombstone has no write id',
    breaks: 'order',
    world: { deletes: 'tombstone', writeTimeoutMs: 1_000 },
    play: async (script) => {
      const held = script.holdRequests(Q);
      await script.put(Q);
      await script.pass(2_000);
      await script.remove(P);
      held.release();
      await script.pass(500);
    },
  },
  {
    bug: 'every write counts as seen',
    breaks: 'I4',
    play: async (script) => {
      await script.settledPut(Q);
      await script.get(P);
      const changes = script.holdChanges('us');
      await script.put(Q);
      await script.ask('getAtLeast', P, 0.5);
      changes.release();
    },
  },
  {
    bug: 'every entry counts as right just now',
    breaks: 'I3',
    play: async (script) => {
      await script.settledPut(Q);
      await script.get(P);
      await script.cutOff([P], 'kafka', async () => {
        await script.put(Q);
        await script.pass(8_000);
        await script.ask('getFresh', P, fiveSeconds);
      });
    },
  },
  {
    bug: 'nobody is waited for',
    breaks: 'I4',
    world: { fastLane: true },
    play: async (script) => {
      await script.settledPut(Q);
      await script.get(P);
      await script.cutOff([P], 'kafka', async () => {
        await script.put(Q);
        await script.ask('whenVisible', Q, 0.1);
        await script.get(P);
        await script.pass(6_000);
      });
    },
  },
  {
    bug: 'registering keeps what was read before',
    breaks: 'I4',
    world: { fastLane: true },
    play: async (script) => {
      await script.settledPut(Q);
      script.world.slot(P).kill();
      // Until nobody waits for it any more.
      await script.pass(11_000);
      script.world.slot(P).start();
      const reports = script.link(P, 'kafka').hold('request', /^send/);
      await script.pass(4_000);
      await script.get(P);
      const records = script.link(P, 'kafka').hold('answer', /^fetch$/);
      await script.put(Q);
      await script.ask('whenVisible', Q, 0.1);
      await script.pass(500);
      reports.release();
      await script.pass(500);
      await script.get(P);
      records.release();
    },
  },
  {
    bug: 'an invalidation leaves L1 as it is',
    breaks: 'invalidation',
    play: async (script) => {
      await script.settledPut(Q);
      await script.get(P);
      const changes = script.holdChanges('us');
      await script.put(Q);
      await script.ask('invalidateEverywhere', P);
      await script.get(P);
      changes.release();
    },
  },
  {
    bug: 'an invalidation is not told',
    breaks: 'invalidation',
    world: { fastLane: true },
    play: async (script) => {
      await script.settledPut(Q);
      await script.get(P);
      const changes = script.holdChanges('us');
      script.foreignWrite('us', 'put');
      await script.ask('invalidate', Q);
      await script.pass(5_000);
      await script.get(P);
      changes.release();
    },
  },
];
