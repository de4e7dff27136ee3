import { describe, expect, it } from '@jest/globals';
import { importRoutes, type RouteDump, type RoutingTable } from '@tidemark/control';
import { RouteWorld, table, topicA, topicB } from './route-world.js';

const actor = 'ops';

async function began(): Promise<{ readonly world: RouteWorld; readonly dump: RouteDump }> {
  const world = new RouteWorld('admin');
  await world.ask(
    (route) => route !== undefined,
    (routes) => routes.put(table, [topicA], { ifMatch: 'none', actor }),
  );
  await world.pass(2);
  let dump: RouteDump | undefined;
  await world.ask(
    () => dump !== undefined,
    async (routes) => (dump = routes.export()),
  );
  await world.write();
  await world.pass(1);
  world.fill();
  if (dump === undefined) throw new Error('no export');
  return { world, dump };
}

async function goesOn(world: RouteWorld, topic: string): Promise<void> {
  await world.pass(3);
  world.fill();
  await world.write();
  await world.pass(2);
  expect([world.divergent, world.right.length, [...world.pod.follower.topics]]).toEqual([[], 3, [topic]]);
}

describe('a routing topic that is lost', () => {
  it('leaves dispatchers and pods as they are: events come, and nothing is flushed', async () => {
    const { world } = await began();
    world.loseRoutes();
    await world.write();
    await world.pass(3);
    expect([world.right.length, world.pod.follower.live]).toEqual([3, true]);
    await world.end();
  });

  it.each<[string, boolean]>([
    ['an admin that outlived it', false],
    ['an admin that knows nothing', true],
  ])('is restored by %s, and the next change reaches everybody without a restart', async (_who, isNew) => {
    const { world, dump } = await began();
    world.loseRoutes();
    if (isNew) await world.replaceAdmin();
    await world.ask(
      (route) => route?.version === 2,
      (routes) => importRoutes(routes, dump, { actor }),
    );
    await goesOn(world, topicA);
    await world.ask(
      (route) => route?.version === 3,
      (routes) => routes.put(table, [topicB], { ifMatch: 2, actor }),
    );
    await goesOn(world, topicB);
    await world.end();
  });

  it('is begun from nothing, without an export, and everybody takes the lower epochs and versions', async () => {
    const { world } = await began();
    const put = (topic: string, ifMatch: number | 'none') => (routes: RoutingTable) =>
      routes.put(table, [topic], { ifMatch, actor });
    await world.replaceAdmin();
    await world.ask((route) => route?.version === 2, put(topicB, 1));
    await world.ask((route) => route?.version === 3, put(topicA, 2));
    await goesOn(world, topicA);
    world.loseRoutes();
    await world.replaceAdmin();
    await world.ask((route) => route?.version === 1, put(topicA, 'none'));
    expect(world.route).toMatchObject({ writerEpoch: 1, topics: { [topicA]: 1 } });
    await goesOn(world, topicA);
    await world.ask((route) => route?.version === 2, put(topicB, 1));
    await goesOn(world, topicB);
    await world.end();
  });
});
