import { type History, type Read } from './history.js';
import { type KeyStates, type ReplicaStates } from './key-states.js';
import { describeRead, describeState, show, type Violation } from './violation.js';

/**
 * I3: nothing is served that was overwritten by a change which the stream had accepted before the pod's watermark, nor, where the cache
 * promises a bound on staleness, before that bound. `skewMs`: how far the clocks of processes may be apart from true time, together.
 */
export function checkWatermarks(history: History, states: ReplicaStates, skewMs: number): readonly Violation[] {
  const regions = new Map(history.lives.map(({ pod, region }) => [pod, region]));
  return history.reads.flatMap((read) => checkRead(read, states.of(regions.get(read.pod) ?? '', read.key), skewMs));
}

function checkRead(read: Read, states: KeyStates, skewMs: number): readonly Violation[] {
  const { result, responded, watermark, maxStalenessMs, invoked } = read;
  if (result.type !== 'served' || responded === undefined) return [];
  // The newest state that it can be of: the most that can be said for the pod.
  const state = states.holding(result.value, responded.tick).at(-1);
  if (state === undefined) return [];
  const bounds = [
    { name: 'the watermark', ms: watermark },
    { name: 'maxStaleness', ms: maxStalenessMs === undefined ? null : invoked.ms - maxStalenessMs },
  ];
  for (const { name, ms } of bounds) {
    const overwritten = ms === null ? undefined : firstAcceptedBefore(states, state, ms - skewMs);
    if (overwritten === undefined || ms === null) continue;
    const behindMs = Math.round(ms - (states.transition(overwritten)?.acceptedMs ?? 0));
    return [
      {
        invariant: 'I3',
        key: read.key,
        pod: read.pod,
        what: `served state ${state} (${show(result.value)}), overwritten by state ${overwritten}, which the stream accepted ${behindMs} ms before ${name}`,
        involved: [
          describeRead(read),
          describeState(state, states.transition(state)),
          describeState(overwritten, states.transition(overwritten)),
        ],
      },
    ];
  }
  return [];
}

function firstAcceptedBefore(states: KeyStates, after: number, ms: number): number | undefined {
  for (let state = after + 1; state <= states.last; state += 1)
    if ((states.transition(state)?.acceptedMs ?? Infinity) < ms) return state;
  return undefined;
}
