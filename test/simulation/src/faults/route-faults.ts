import { type Route } from '@tidemark/protocol';
import { type Wish } from '../roles/admin-slot.js';
import { names, type RegionName, regionNames, regionOf, table } from '../world/names.js';
import { type Region } from '../world/region.js';
import { type World } from '../world/world.js';
import { type Fault } from './fault.js';

const targets = regionNames;
/** Calls of the brokers that a move takes, about, from the wish to its end. */
const callsOfMove = 14;

/** Routes that change, by the admin of their region. */
export const routeFaults = {
  'route moves': {
    ...{ weight: 4, targets, durationMs: [300, 15_000] },
    begin: (world, { target, amount }) => {
      const [{ ask }, added] = adding(world, regionOf(target), amount);
      // Another move may have taken it away meanwhile.
      return () => ask(({ topics }) => (added in topics ? { type: 'put', topics: [added] } : undefined));
    },
  },
  'route moves and is taken back': {
    ...{ weight: 3, targets, durationMs: [300, 15_000] },
    begin: (world, { target, amount }) => {
      const [{ ask }, added] = adding(world, regionOf(target), amount);
      return () => ask(without(added));
    },
  },
  'route comes and goes': {
    ...{ weight: 3, targets, durationMs: [400, 5_000] },
    begin: (world, { target, amount, durationMs }) => {
      const { scheduler } = world.context;
      const [{ ask }, added] = adding(world, regionOf(target), amount);
      const gone = scheduler.after(durationMs * (0.1 + 0.4 * amount), () => ask(without(added)));
      const back = scheduler.after(durationMs * (0.5 + 0.4 * amount), () => ask(withTopic(added)));
      return () => {
        gone();
        back();
      };
    },
  },
  'route paused': {
    ...{ weight: 3, targets, durationMs: [500, 12_000] },
    begin: (world, { target }) => {
      const { routes } = world.region(regionOf(target));
      if (routes.route?.paused === true) return false;
      const admin = world.admin(regionOf(target));
      admin.ask(() => ({ type: 'pause' }));
      return () => admin.ask(() => ({ type: 'resume' }));
    },
  },
  'admin dies while a table moves': {
    ...{ weight: 3, targets, durationMs: [500, 12_000] },
    begin: (world, { target, amount }, random) => {
      const region = world.region(regionOf(target));
      const admin = world.admin(region.name);
      if (admin.running === undefined || region.routes.inMotion) return false;
      const to = topicFor(region, amount);
      const spare = admin.dieAt(1 + random.below(callsOfMove), random.pick(['request', 'answer']), () => {
        const { route } = region.routes;
        const stage = route?.move !== undefined ? 'under way' : to in region.route ? 'over' : 'to begin';
        world.context.counters.add(`admin died with a move ${stage}`);
      });
      admin.ask(() => ({ type: 'move', to }));
      return () => {
        spare();
        admin.start();
      };
    },
  },
} satisfies Readonly<Record<string, Fault>>;

/** Adds a topic to the route, which becomes the pods' target. */
export function adding(
  world: World,
  name: RegionName,
  amount: number,
): readonly [{ readonly ask: (wish: Wish) => void }, string] {
  const admin = world.admin(name);
  const added = topicFor(world.region(name), amount);
  const ask = (wish: Wish): void => admin.ask(wish);
  ask(withTopic(added));
  return [{ ask }, added];
}

/** A new topic, or one that carried the table before and comes back. */
export function topicFor(region: Region, amount: number): string {
  const former = region.kafka.topics.filter(
    (topic) => topic.startsWith(names.cache(table)) && !region.routes.carries(topic),
  );
  const returning = amount < 0.5 ? former[Math.floor(amount * 2 * former.length)] : undefined;
  return returning ?? region.newTopic();
}

function withTopic(added: string): Wish {
  return ({ topics }: Route) =>
    added in topics ? undefined : { type: 'put', topics: [...Object.keys(topics), added] };
}

export function without(removed: string): Wish {
  return ({ topics }: Route) => {
    const rest = Object.keys(topics).filter((topic) => topic !== removed);
    return removed in topics && rest.length > 0 ? { type: 'put', topics: rest } : undefined;
  };
}
