import { dispatcherNames, podNames, regionNames, syncNames } from '../world/names.js';
import { type Fault } from './fault.js';

const pods = regionNames.flatMap(podNames);
const syncs = regionNames.flatMap(syncNames);
const dispatchers = regionNames.flatMap(dispatcherNames);

/** Processes that die, stand still, are replaced, or have their clocks set. */
export const processFaults = {
  'pod crashes': crash(4, pods),
  'sync crashes': crash(3, syncs),
  'dispatcher crashes': crash(3, dispatchers),
  'pod pauses': pause(4, pods),
  'sync pauses': pause(3, syncs),
  'dispatcher pauses': pause(3, dispatchers),
  'pod is replaced': replace(2, pods),
  'sync is replaced': replace(2, syncs),
  'dispatcher is replaced': replace(2, dispatchers),
  'clock steps': {
    weight: 3,
    targets: [...pods, ...syncs, ...dispatchers],
    durationMs: [0, 0],
    begin: (world, { target, amount }) => {
      const { clockErrorMs } = world.context.config;
      world.slot(target).setClockOffset((2 * amount - 1) * clockErrorMs);
      return () => undefined;
    },
  },
} satisfies Readonly<Record<string, Fault>>;

function crash(weight: number, targets: readonly string[]): Fault {
  return {
    ...{ weight, targets, durationMs: [200, 12_000] },
    begin: (world, { target }) => {
      const slot = world.slot(target);
      if (slot.running === undefined) return false;
      slot.kill();
      return () => slot.start();
    },
  };
}

function pause(weight: number, targets: readonly string[]): Fault {
  return {
    ...{ weight, targets, durationMs: [200, 14_000] },
    begin: (world, { target }) => {
      const slot = world.slot(target);
      if (slot.running === undefined || slot.paused) return false;
      slot.pause();
      return () => slot.resume();
    },
  };
}

function replace(weight: number, targets: readonly string[]): Fault {
  return {
    ...{ weight, targets, durationMs: [0, 0] },
    begin: (world, { target }) => {
      const slot = world.slot(target);
      if (slot.running === undefined || slot.isEnding) return false;
      slot.restart();
      return () => undefined;
    },
  };
}
