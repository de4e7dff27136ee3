import { type PlannedFault } from '../plan/plan.js';
import { type Random } from '../time/random.js';
import { type World } from '../world/world.js';
import { itemFaults } from './item-faults.js';
import { kafkaFaults } from './kafka-faults.js';
import { linkFaults } from './link-faults.js';
import { processFaults } from './process-faults.js';
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

const faults: Readonly<Record<string, Fault>> = {
  ...linkFaults,
  ...processFaults,
  ...streamFaults,
  ...kafkaFaults,
  ...routeFaults,
  ...itemFaults,
};

export const faultNames: readonly string[] = Object.keys(faults);

export function faultNamed(name: string): Fault {
  const fault = faults[name];
  if (fault === undefined) throw new RangeError(`no fault ${name}`);
  return fault;
}
