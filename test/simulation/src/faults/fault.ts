import { type PlannedFault } from '../plan/plan.js';
import { type Random } from '../time/random.js';
import { type World } from '../world/world.js';
import { fanOutFaults } from './fan-out-faults.js';
import { itemFaults } from './item-faults.js';
import { kafkaFaults } from './kafka-faults.js';
import { logFaults } from './log-faults.js';
import { linkFaults } from './link-faults.js';
import { processFaults } from './process-faults.js';
import { rewindFaults } from './rewind-faults.js';
import { routeFaults } from './route-faults.js';
import { streamFaults } from './stream-faults.js';

/** One kind of trouble. */
export interface Fault {
  /** How often it is drawn. */
  readonly weight: number;
  readonly targets: readonly string[];
  /** Least and most, ms; 0: it is a moment. */
  readonly durationMs: readonly [number, number];
  /**
   * Begins it; `false` where there is nothing to befall at present. The returned function ends it, when its time is over or the run's
   * faults end.
   */
  readonly begin: (world: World, fault: PlannedFault, random: Random) => (() => void) | false;
}

const common: Readonly<Record<string, Fault>> = {
  ...linkFaults,
  ...processFaults,
  ...streamFaults,
  ...kafkaFaults,
  ...routeFaults,
  ...itemFaults,
};

/** What few seeds have, beside the rest. */
const rare: Readonly<Record<string, Fault>> = { ...rewindFaults, ...fanOutFaults };

const faults: Readonly<Record<string, Fault>> = { ...common, ...rare, ...logFaults };

export const commonFaultNames: readonly string[] = Object.keys(common);
export const rareFaultNames: readonly string[] = Object.keys(rare);
export const logFaultNames: readonly string[] = Object.keys(logFaults);
export const faultNames: readonly string[] = [...commonFaultNames, ...rareFaultNames, ...logFaultNames];

export function faultNamed(name: string): Fault {
  const fault = faults[name];
  if (fault === undefined) throw new RangeError(`no fault ${name}`);
  return fault;
}
