import { type History, type Read } from './history.js';
import { type KeyStates, type ReplicaStates } from './key-states.js';
import { describeRead, describeState, show, type Violation } from './violation.js';

/**
 * I3: nothing is served that was overwritten by a change which the stream had accepted before the pod's watermark, nor, where the cache
 * promises a bound on staleness, before that bound; where that bound is 0, nothing that was overwritten when the read began. `skewMs`: how far a
 * process's clock may be from true time; a bound is reckoned with two of them, the reader's and the watermark's.
 */
export function checkWatermarks(history: History, states: ReplicaStates, skewMs: number): readonly Violation[] {
  const regions = new Map(history.lives.map(({ pod, region }) => [pod, region]));
  return history.reads.flatMap((read) => checkRead(read, states.of(regions.get(read.pod) ?? '', read.key), skewMs));
}

function checkRead(read: Read, states: KeyStates, skewMs: number): readonly Violation[] {
  const { result, responded, maxStalenessMs, invoked } = read;
  if (result.type !== 'served' || responded === undefined) return [];
  // The newest state that it can be of: the most that can be said for the pod.
  const state = states.holding(result.value, responded.tick).at(-1);
  if (state === undefined) return [];
  if (maxStalenessMs === 0 && state < states.at(invoked.tick)) return [overwrittenBefore(read, state, states)];
  for (const { name, ms, skewMs: errorMs } of boundsOf(read, skewMs)) {
    const overwritten = ms === null ? undefined : firstAcceptedBefore(states, state, ms - errorMs);
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

interface Bound {
  readonly name: string;
  readonly ms: number | null;
  readonly skewMs: number;
}

function boundsOf({ watermark, maxStalenessMs, invoked }: Read, skewMs: number): readonly Bound[] {
  return [
    { name: 'the watermark', ms: watermark, skewMs },
    { name: 'maxStaleness', ms: maxStalenessMs === undefined ? null : invoked.ms - maxStalenessMs, skewMs: 2 * skewMs },
  ];
}

function overwrittenBefore(read: Read, state: number, states: KeyStates): Violation {
  return {
    ...{ invariant: 'I3', key: read.key, pod: read.pod },
    what: `served state ${state}, overwritten before the read began, although it was to be read there and then`,
    involved: [describeRead(read), describeState(state + 1, states.transition(state + 1))],
  };
}

function firstAcceptedBefore(states: KeyStates, after: number, ms: number): number | undefined {
  for (let state = after + 1; state <= states.last; state += 1)
    if ((states.transition(state)?.acceptedMs ?? Infinity) < ms) return state;
  return undefined;
}
