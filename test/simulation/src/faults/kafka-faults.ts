import { dispatcherNames, names, podNames, regionNames, regionOf, table } from '../world/names.js';
import { type Region } from '../world/region.js';
import { type World } from '../world/world.js';
import { type Fault } from './fault.js';

const targets = regionNames;

/** Logs that forget. */
export const kafkaFaults = {
  'Kafka retention cut of a cache topic': {
    ...{ weight: 4, targets: regionNames.flatMap(podNames), durationMs: [1_500, 9_000] },
    begin: (world, { target }) => {
      const link = world.slot(target).link('kafka');
      if (link === undefined || link.isCut) return false;
      link.cut();
      return () => {
        const region = world.region(regionOf(target));
        for (const topic of Object.keys(region.route)) if (region.kafka.has(topic)) trim(world, region, topic);
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
} satisfies Readonly<Record<string, Fault>>;

function trim(world: World, region: Region, topic: string): void {
  for (const log of region.kafka.partitions(topic))
    world.context.counters.add('Kafka retention dropped records', log.trim(log.end));
}

/** Only where the group has committed before: who reads for the first time takes the log as it is. */
function trimCommitted(world: World, region: Region): void {
  const topic = names.cdc(table);
  if (!region.kafka.has(topic)) return;
  for (const [partition, log] of region.kafka.partitions(topic).entries()) {
    if (region.group.committed({ topic, partition }) === undefined) continue;
    world.context.counters.add('Kafka retention dropped records', log.trim(log.end));
  }
}
