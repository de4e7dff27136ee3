import { type History, type Invalidation, type Read } from './history.js';
import { type KeyStates, type ReplicaStates } from './key-states.js';
import { describeRead, describeState, show, type Violation } from './violation.js';

/**
 * What was overwritten before an `invalidate` began is served by its own pod never again, and by the others of its region no longer than
 * until a watermark has reached them that was made after the order was acknowledged: it follows the order through the same partition.
 */
export function checkInvalidations(history: History, states: ReplicaStates, skewMs: number): readonly Violation[] {
  const regions = new Map(history.lives.map(({ pod, region }) => [pod, region]));
  return history.invalidations.flatMap((invalidation) => {
    const region = regions.get(invalidation.pod) ?? '';
    const replica = states.of(region, invalidation.key);
    return history.reads
      .filter((read) => read.key === invalidation.key && regions.get(read.pod) === region)
      .filter((read) => isBound(read, invalidation, skewMs))
      .flatMap((read) => checkRead(read, invalidation, replica));
  });
}

function isBound({ pod, invoked, watermark }: Read, invalidation: Invalidation, skewMs: number): boolean {
  if (invoked.tick < invalidation.invoked.tick) return false;
  if (pod === invalidation.pod) return true;
  const { acknowledged } = invalidation;
  return acknowledged !== undefined && watermark !== null && watermark > acknowledged.ms + skewMs;
}

function checkRead(read: Read, { id, pod, invoked }: Invalidation, states: KeyStates): readonly Violation[] {
  const { result, responded } = read;
  if (result.type !== 'served' || responded === undefined) return [];
  const state = states.holding(result.value, responded.tick).at(-1);
  const least = states.at(invoked.tick);
  if (state === undefined || state >= least) return [];
  return [
    {
      ...{ invariant: 'invalidation', key: read.key, pod: read.pod },
      what: `served state ${state} (${show(result.value)}) after ${id}, invalidated by ${pod} when the replica was at state ${least}`,
      involved: [describeRead(read), describeState(least, states.transition(least))],
    },
  ];
}
