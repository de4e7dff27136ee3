import { dispatcherNames, names, podNames, regionNames, regionOf, table } from '../world/names.js';
import { type Region } from '../world/region.js';
import { type World } from '../world/world.js';
import { type Fault } from './fault.js';

const targets = regionNames;

/** Logs that forget, and routes that change. */
export const kafkaFaults = {
  'Kafka retention cut of a cache topic': {
    ...{ weight: 4, targets: regionNames.flatMap(podNames), durationMs: [1_500, 9_000] },
    begin: (world, { target }) => {
      const link = world.slot(target).link('kafka');
      if (link === undefined || link.isCut) return false;
      link.cut();
      return () => {
        const region = world.region(regionOf(target));
        for (const topic of Object.keys(region.route)) trim(world, region, topic);
        link.heal();
      };
    },
  },
  'Kafka retention cut of the table topic': {
    ...{ weight: 2, targets, durationMs: [1_500, 9_000] },
    begin: (world, { target }) => {
      const links = dispatcherNames(regionOf(target)).flatMap((name) => world.slot(name).link('kafka') ?? []);
      for (const link of links) link.cut();
      return () => {
        trimCommitted(world, world.region(regionOf(target)));
        for (const link of links) link.heal();
      };
    },
  },
  'route moves': {
    ...{ weight: 4, targets, durationMs: [300, 15_000] },
    begin: (world, { target, amount }) => {
      const region = world.region(regionOf(target));
      const added = addTopic(region, amount);
      return () => {
        // Another move may have taken it away meanwhile.
        const since = region.route[added];
        if (since !== undefined && Object.keys(region.route).length > 1) region.writeRoute({ [added]: since });
      };
    },
  },
  'route moves and is taken back': {
    ...{ weight: 3, targets, durationMs: [300, 15_000] },
    begin: (world, { target, amount }) => {
      const region = world.region(regionOf(target));
      const added = addTopic(region, amount);
      return () => removeTopic(region, added);
    },
  },
  'route comes and goes': {
    ...{ weight: 3, targets, durationMs: [400, 5_000] },
    begin: (world, { target, amount, durationMs }) => {
      const region = world.region(regionOf(target));
      const { scheduler } = world.context;
      const added = addTopic(region, amount);
      const gone = scheduler.after(durationMs * (0.1 + 0.4 * amount), () => removeTopic(region, added));
      const back = scheduler.after(durationMs * (0.5 + 0.4 * amount), () => {
        region.writeRoute({ ...region.route, [added]: 'now' });
      });
      return () => {
        gone();
        back();
      };
    },
  },
} satisfies Readonly<Record<string, Fault>>;

/** A new topic, or one that carried the table before and comes back; it becomes the pods' target. */
function addTopic(region: Region, amount: number): string {
  const former = region.kafka.topics.filter(
    (topic) => topic.startsWith(names.cache(table)) && !(topic in region.route),
  );
  const returning = amount < 0.5 ? former[Math.floor(amount * 2 * former.length)] : undefined;
  const added = returning ?? region.newTopic();
  region.writeRoute({ ...region.route, [added]: 'now' });
  return added;
}

function removeTopic(region: Region, removed: string): void {
  const rest = Object.entries(region.route).filter(([topic]) => topic !== removed);
  if (rest.length > 0 && removed in region.route) region.writeRoute(Object.fromEntries(rest));
}

function trim(world: World, region: Region, topic: string): void {
  for (const log of region.kafka.partitions(topic))
    world.context.counters.add('Kafka retention dropped records', log.trim(log.end));
}

/** Only where the group has committed before: who reads for the first time takes the log as it is. */
function trimCommitted(world: World, region: Region): void {
  const topic = names.cdc(table);
  for (const [partition, log] of region.kafka.partitions(topic).entries()) {
    if (region.group.committed({ topic, partition }) === undefined) continue;
    world.context.counters.add('Kafka retention dropped records', log.trim(log.end));
  }
}
