import { type Route, type TopicLimit } from '@tidemark/protocol';
import { type Wish } from '../roles/admin-slot.js';
import { bucket, regionNames, regionOf, services } from '../world/names.js';
import { type Fault } from './fault.js';
import { topicFor } from './route-faults.js';

const targets = regionNames;

type Limit = Omit<TopicLimit, 'since'>;

/** Topics that are for one service, or for some buckets, beside the one for everybody. */
export const fanOutFaults = {
  'a service gets a topic of its own': {
    ...{ weight: 3, targets, durationMs: [1_000, 12_000] },
    begin: (world, { target, amount, durationMs }) => {
      const admin = world.admin(regionOf(target));
      const topic = topicFor(world.region(regionOf(target)), amount);
      const [one, other] = services;
      admin.ask(limitedTo(topic, { services: [one] }));
      const change = world.context.scheduler.after(durationMs * (0.3 + 0.4 * amount), () =>
        admin.ask(limitedTo(topic, { services: [other] })),
      );
      return () => {
        change();
        admin.ask(unlimited(topic));
      };
    },
  },
  'a topic is narrowed to other buckets': {
    ...{ weight: 3, targets, durationMs: [1_000, 12_000] },
    begin: (world, { target, amount, durationMs }) => {
      const admin = world.admin(regionOf(target));
      const topic = topicFor(world.region(regionOf(target)), amount);
      admin.ask(limitedTo(topic, { buckets: amount < 0.5 ? [bucket] : ['others', bucket] }));
      const change = world.context.scheduler.after(durationMs * (0.3 + 0.4 * amount), () =>
        admin.ask(limitedTo(topic, { buckets: ['others'] })),
      );
      return () => {
        change();
        admin.ask(unlimited(topic));
      };
    },
  },
} satisfies Readonly<Record<string, Fault>>;

function limitedTo(topic: string, limit: Limit): Wish {
  return (route) => put(route, { ...limitsOf(route), [topic]: limit });
}

/** Where somebody else has not taken it away already. */
function unlimited(topic: string): Wish {
  return (route) => {
    const { [topic]: gone, ...rest } = limitsOf(route);
    return gone === undefined ? undefined : put(route, rest);
  };
}

function put({ topics }: Route, limited: Readonly<Record<string, Limit>>): ReturnType<Wish> {
  const whole = Object.keys(topics).filter((topic) => !(topic in limited));
  // Somebody has put it in for everybody meanwhile.
  return whole.length === 0 ? undefined : { type: 'put', topics: whole, limited };
}

function limitsOf({ limited = {} }: Route): Readonly<Record<string, Limit>> {
  return Object.fromEntries(
    Object.entries(limited).map(([topic, { services: of, buckets }]) => [
      topic,
      { ...(of === undefined ? {} : { services: of }), ...(buckets === undefined ? {} : { buckets }) },
    ]),
  );
}
