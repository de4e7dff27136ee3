import { describe, expect, it } from '@jest/globals';
import { type KillableCall } from '@tidemark/control/testing';
import { type KeyRange, type Route } from '@tidemark/protocol';
import { RouteWorld, table, topicA, topicB, type Victim } from './route-world.js';

type Scenario = (world: RouteWorld) => Promise<void>;

const isAt =
  (...topics: readonly string[]) =>
  (route: Route | undefined): boolean =>
    route !== undefined && !route.deleted && Object.keys(route.topics).sort().join() === topics.join();

async function begin(world: RouteWorld): Promise<void> {
  await world.ask(isAt(topicA), (routes) => routes.put(table, [topicA], { ifMatch: 'none', actor: 'ops' }));
  await world.pass(2);
  world.fill();
  await world.write();
  await world.pass(1);
}

/** Whatever happened: what is written from now on comes through, and the pod holds the truth. */
async function settled(world: RouteWorld, topic: string): Promise<void> {
  await world.pass(3);
  expect(world.divergent).toEqual([]);
  world.fill();
  await world.write();
  await world.pass(15);
  expect(world.right).toHaveLength(3);
  expect([world.pod.follower.target, [...world.pod.follower.topics], world.pod.follower.live]).toEqual([
    topic,
    [topic],
    true,
  ]);
}

const moves: Scenario = async (world) => {
  await begin(world);
  await world.ask(
    (route) => route?.move !== undefined || isAt(topicB)(route),
    async (routes) =>
      routes.operate(table, { type: 'move', to: topicB }, { ifMatch: routes.get(table).version, actor: 'ops' }),
  );
  world.fill();
  await world.write();
  await world.pass(75);
  expect(world.route).toMatchObject({ topics: { [topicB]: expect.any(Number) as unknown }, deleted: false });
  expect([isAt(topicB)(world.route), world.route?.move]).toEqual([true, undefined]);
  await settled(world, topicB);
  expect(world.ascending(topicA, 0)[0]?.[0]).toBe(1);
  expect(world.ascending(topicB, 1)).toEqual([
    [2, 3],
    [2, 3],
    [2, 3],
  ]);
};

const rolledBack: Scenario = async (world) => {
  await begin(world);
  await world.ask(
    (route) => route?.move !== undefined || isAt(topicB)(route),
    async (routes) =>
      routes.operate(table, { type: 'move', to: topicB }, { ifMatch: routes.get(table).version, actor: 'ops' }),
  );
  await world.write();
  await world.ask(isAt(topicA), async (routes) => {
    const { version } = routes.get(table);
    return routes.operate(table, { type: 'roll-back' }, { ifMatch: version, actor: 'ops' });
  });
  await world.pass(75);
  await settled(world, topicA);
  expect(world.ascending(topicA, 0)).toEqual([
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3],
  ]);
};

const paused: Scenario = async (world) => {
  await begin(world);
  const pause = (type: 'pause' | 'resume') =>
    world.ask(
      (route) => (route?.paused === true) === (type === 'pause'),
      async (routes) => routes.operate(table, { type }, { ifMatch: routes.get(table).version, actor: 'ops' }),
    );
  await pause('pause');
  await world.pass(2);
  const { watermark } = world.pod.follower;
  world.fill();
  await world.write();
  await world.pass(15);
  expect(world.pod.follower.watermark).toBe(watermark);
  await pause('resume');
  await world.pass(15);
  expect(world.pod.follower.watermark).toBeGreaterThan(watermark);
  await settled(world, topicA);
  expect(world.ascending(topicA, 0)).toEqual([
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3],
  ]);
};

/** Two of three states of each key are sent again, or of one key alone; those of each come in order, and once that is done, never again. */
const rewound =
  (keys?: KeyRange): Scenario =>
  async (world) => {
    await begin(world);
    const to = world.clock.now();
    await world.write();
    await world.write();
    await world.pass(2);
    world.fill();
    const { watermark } = world.pod.follower;
    const before = world.states(topicA);
    await world.ask(
      (route) => route?.rewind !== undefined,
      async (routes) => {
        const back = { type: 'rewind', to, ...(keys === undefined ? {} : { keys }) } as const;
        return routes.operate(table, back, { ifMatch: routes.get(table).version, actor: 'ops' });
      },
    );
    await world.write();
    await world.pass(25);
    const after = world.states(topicA);
    for (const [index, key] of world.keys.entries()) {
      const again = after[index]?.slice(before[index]?.length) ?? [];
      const isWanted = keys === undefined || `${table}:${key}` < keys.to;
      expect(new Set(again)).toEqual(new Set(isWanted ? [2, 3, 4] : [4]));
      if (isWanted) expect(again.slice(again.lastIndexOf(2))).toEqual(expect.arrayContaining([2, 3, 4]));
    }
    expect(world.pod.follower.watermark).toBeGreaterThanOrEqual(watermark);
    await settled(world, topicA);
    await world.pass(25);
    for (const [index, states] of world.states(topicA).entries()) {
      const known = after[index] ?? [];
      expect(states.slice(0, known.length)).toEqual(known);
      // More than once, where the dispatcher died between the send and the commit.
      expect(new Set(states.slice(known.length))).toEqual(new Set([5]));
    }
  };

const inOrder = (...states: number[]): number[][] => Array.from({ length: 3 }, () => states);

/** The table comes back later; what was written meanwhile was sent nowhere. */
const removed: Scenario = async (world) => {
  await begin(world);
  await world.ask(
    (route) => route?.deleted === true,
    (routes) => routes.delete(table, { ifMatch: routes.get(table).version, actor: 'ops' }),
  );
  await world.pass(2);
  await world.write();
  await world.pass(12);
  await world.ask(isAt(topicA), (routes) => routes.put(table, [topicA], { ifMatch: 'none', actor: 'ops' }));
  await world.pass(15);
  await settled(world, topicA);
  expect(world.ascending(topicA, 0)).toEqual(inOrder(1, 2, 3));
};

const fannedOut: Scenario = async (world) => {
  await begin(world);
  const routedTo = (...topics: string[]): Promise<unknown> =>
    world.ask(isAt(...topics), (routes) =>
      routes.put(table, topics, { ifMatch: routes.get(table).version, actor: 'ops' }),
    );
  await routedTo(topicA, topicB);
  world.fill();
  await world.write();
  await world.pass(15);
  world.fill();
  await routedTo(topicA);
  await world.write();
  await world.pass(15);
  await settled(world, topicA);
  expect(world.ascending(topicA, 0)).toEqual(inOrder(1, 2, 3, 4));
};

/** One topic has no bucket at first, and then the table's. */
const filtered: Scenario = async (world) => {
  await begin(world);
  const limitedTo = (bucket: string): Promise<unknown> =>
    world.ask(
      (route) => route?.limited?.[topicB]?.buckets?.[0] === bucket,
      (routes) => {
        const limited = { [topicB]: { services: ['other'], buckets: [bucket] } };
        return routes.put(table, [topicA], { ifMatch: routes.get(table).version, actor: 'ops', limited });
      },
    );
  await limitedTo('nobody');
  await world.write();
  await world.pass(5);
  expect(world.states(topicB)).toEqual(inOrder());
  await limitedTo(table);
  await world.pass(2);
  await world.write();
  await world.pass(15);
  await settled(world, topicA);
  expect(world.ascending(topicA, 0)).toEqual(inOrder(1, 2, 3, 4));
  for (const states of world.states(topicB)) expect(states).toEqual(expect.arrayContaining([3, 4]));
};

async function run(scenario: Scenario, victim: Victim, death?: KillableCall): Promise<RouteWorld> {
  const world = new RouteWorld(victim, death);
  try {
    await scenario(world);
  } finally {
    await world.end();
  }
  return world;
}

describe.each<[string, Scenario]>([
  ['a move', moves],
  ['a move that is rolled back', rolledBack],
  ['a pause', paused],
  ['a rewind', rewound()],
  ['a table that is removed, and comes back', removed],
  ['a second topic, and its end', fannedOut],
  ['a topic with other buckets', filtered],
  ['a replay of some keys', rewound({ from: `${table}:k1`, to: `${table}:k2` })],
])('%s', (_name, scenario) => {
  it.each<[Victim, number]>([
    ['admin', 8],
    ['dispatcher', 20],
  ])(
    'hazards 31 and 47: ends right whichever call of the %s was its last',
    async (victim, least) => {
      const { calls } = await run(scenario, victim);
      expect(calls).toBeGreaterThan(least);
      for (let call = 0; call < calls; call += 1)
        for (const when of ['before', 'after'] as const) {
          const world = await run(scenario, victim, { call, when }).catch((cause: unknown) => {
            throw new Error(`dies ${when} call ${call}`, { cause });
          });
          expect([call, when, world.died]).toEqual([call, when, true]);
        }
    },
    240_000,
  );
});
