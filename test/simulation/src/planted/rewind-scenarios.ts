import { type KeyRange } from '@tidemark/protocol';
import { epochMs } from '../time/sim-process.js';
import { itemKey } from '../world/names.js';
import { key, type Scenario, type Script, upMs } from './script.js';

/** `P` is the pod that is watched, `Q` another of its region. */
const [P, Q] = ['us/pod-0', 'us/pod-1'] as const;

/** None of the keys that scripts are about. */
const others: KeyRange = { from: itemKey('b'), to: itemKey('c') };

/** For each bug planted in rewinds and in who follows which topic, the shortest story in which it tells. */
export const rewindScenarios: readonly Scenario[] = [
  {
    bug: 'a commit forgets the rewind before it',
    play: async (script) => {
      await cached(script);
      await rewound(script);
    },
  },
  {
    bug: 'a rewind is never over',
    play: async (script) => {
      await cached(script);
      await rewound(script);
    },
  },
  {
    bug: 'a rewind counts records as handled that are still to come',
    play: async (script) => {
      await cached(script);
      await rewound(script, others);
      await script.settledPut(Q);
      await script.get(P);
    },
  },
  {
    bug: 'a member goes on after what it has handled, be it rewound meanwhile or not',
    play: async (script) => {
      await cached(script);
      const { owner, other } = script.dispatchers('us');
      const link = script.link(owner, 'kafka');
      // It takes place, and the dispatcher never hears of it; what it handles after that it cannot commit.
      const held = [link.hold('answer', /^commit of a rewind/), link.hold('request', /^commit (?!of)/)];
      asked(script);
      await script.pass(500);
      script.world.slot(other).kill();
      await script.pass(14_000);
      for (const each of held) each.drop();
      await script.pass(5_000);
    },
  },
  {
    bug: 'a replay brings the fast lane back',
    breaks: 'I2',
    world: { fastLane: true, replicationMs: 1_500 },
    play: async (script) => {
      await script.settledPut(Q);
      await script.pass(4_000);
      await script.put(Q);
      // The other region has not heard of that, and what it writes later wins: the write id from before comes back.
      script.foreignWrite('eu', 'keep');
      await script.pass(8_000);
      script.world.slot(P).restart();
      await script.pass(6_000);
      await script.get(P);
      asked(script);
      for (let time = 0; time < 600; time += 1) {
        script.stage.begin('get', P, [key]);
        await script.pass(2);
      }
    },
  },
  {
    bug: 'an event that comes again is applied as new',
    breaks: 'I2',
    play: async (script) => {
      await cached(script);
      // More than one send takes.
      for (let time = 0; time < 6; time += 1) await script.put(Q);
      await script.heard();
      await script.get(P);
      asked(script);
      for (let time = 0; time < 600; time += 1) {
        script.stage.begin('get', P, [key]);
        await script.pass(2);
      }
    },
  },
  {
    bug: 'pods follow the topic that was added last, whoever it is for',
    breaks: 'I1',
    play: async (script) => {
      await cached(script);
      const { routes } = script.world.region('us');
      const topics = Object.keys(routes.topics);
      const limited = { [script.world.region('us').newTopic()]: { buckets: ['others'] } };
      script.world.admin('us').ask(() => ({ type: 'put', topics, limited }));
      await script.pass(3_000);
      await script.get(P);
      await script.settledPut(Q);
    },
  },
];

/** An operator wants the table of the watched pod's region to be rewound to when everything was up. */
export function asked(script: Script, keys?: KeyRange): void {
  const to = epochMs + upMs;
  script.world.admin('us').ask(({ rewind }) => {
    return rewind === undefined ? { type: 'rewind', to, ...(keys === undefined ? {} : { keys }) } : undefined;
  });
}

async function rewound(script: Script, keys?: KeyRange): Promise<void> {
  asked(script, keys);
  await script.pass(5_000);
}

/** The watched pod holds a value that is confirmed. */
async function cached(script: Script): Promise<void> {
  await script.settledPut(Q);
  await script.get(P);
  await script.pass(500);
}
