import { describeViolation, type Violation } from '@tidemark/cache/testing';
import { type Plan } from '../plan/plan.js';
import { type Outcome } from '../stage.js';
import { type TraceLine } from '../time/trace.js';
import { regionOf } from '../world/names.js';

/** A failed run as a person reads it: what is wrong, how the world was, and then a line for each thing that happened. */
export function tellStory(plan: Plan, { violations, lines }: Outcome): string {
  const [violation, ...others] = violations;
  if (violation === undefined) return `seed ${plan.seed}: nothing is wrong`;
  const told = lines.filter(matters(plan, violation));
  return [
    `seed ${plan.seed}, ${plan.operations.length} operations and ${plan.faults.length} faults: ${JSON.stringify(plan.world)}`,
    describeViolation(violation),
    ...others.slice(0, 5).map(({ invariant, key, pod, what }) => `also ${invariant}, key ${key}, pod ${pod}: ${what}`),
    ...told.map(({ atMs, who, what }) => `${(atMs / 1_000).toFixed(3).padStart(8)} s  ${who.padEnd(17)} ${what}`),
  ].join('\n');
}

/** From the first operation or fault on: what is about the violation's key or about none, where somebody of the plan was at work. */
function matters({ operations, faults }: Plan, violation: Violation): (line: TraceLine) => boolean {
  const actors = [...operations.map(({ pod }) => pod), ...faults.map(({ target }) => target)];
  if (violation.pod !== null) actors.push(violation.pod.replace(/#.*/, ''));
  const regions = new Set(actors.map(regionOf));
  const firstMs = Math.min(...[...operations, ...faults].map(({ atMs }) => atMs));
  return ({ level, key, who, atMs }) => {
    if (level !== 'story' || atMs < firstMs) return false;
    if (key !== undefined && violation.key !== '' && keyOf(key) !== violation.key) return false;
    if (who.includes('/pod-')) return actors.includes(who.replace(/#.*/, ''));
    return !who.includes('/') || regions.has(regionOf(who));
  };
}

/** Of an item or of a caller's key. */
function keyOf(key: string): string {
  return key.slice(key.indexOf(':') + 1);
}
