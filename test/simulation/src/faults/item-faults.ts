import { type Attributes } from '@tidemark/protocol';
import { type PlannedFault } from '../plan/plan.js';
import { type Random } from '../time/random.js';
import { itemKey, regionNames, regionOf } from '../world/names.js';
import { type World } from '../world/world.js';
import { type Fault } from './fault.js';

const targets = regionNames;

/** A table that throttles, and writers that know nothing of Tidemark. */
export const itemFaults = {
  'table throttles': {
    ...{ weight: 3, targets, durationMs: [500, 6_000] },
    begin: (world, { target, amount }) => {
      const region = world.region(regionOf(target));
      region.throttledShare = 0.2 + 0.6 * amount;
      return () => {
        region.throttledShare = 0;
      };
    },
  },
  'foreign PutItem without a write id': foreign(3, (world, fault, key) => {
    write(world, fault, { key: { S: key }, ...freshValue(world) });
    return true;
  }),
  'foreign UpdateItem that keeps the write id': foreign(5, (world, fault, key) => {
    const item = replicaOf(world, fault).items.item(key);
    if (item === undefined) return false;
    write(world, fault, { ...item, ...freshValue(world) });
    return true;
  }),
  'foreign DeleteItem': foreign(2, (world, fault, key) => {
    if (replicaOf(world, fault).items.item(key) === undefined) return false;
    world.context.trace.note(`${fault.target}/stranger`, `deletes ${key}`, 'story');
    replicaOf(world, fault).items.removeItem(key);
    return true;
  }),
} satisfies Readonly<Record<string, Fault>>;

function foreign(weight: number, change: (world: World, fault: PlannedFault, key: string) => boolean): Fault {
  const begin = (world: World, fault: PlannedFault, random: Random): (() => void) | false =>
    change(world, fault, itemKey(random.pick(world.keys))) ? () => undefined : false;
  return { weight, targets, durationMs: [0, 0], begin };
}

function write(world: World, fault: PlannedFault, item: Attributes): void {
  world.context.trace.note(`${fault.target}/stranger`, `writes ${JSON.stringify(item)}`, 'story');
  replicaOf(world, fault).items.writeItem(item);
}

function freshValue(world: World): Attributes {
  return { value: { S: JSON.stringify(world.context.recorder.freshValue()) }, codec: { S: 'json' } };
}

function replicaOf(world: World, { target }: PlannedFault) {
  return world.table.replica(regionOf(target));
}
