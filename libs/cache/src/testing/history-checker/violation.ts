import { type Moment, type Read, type Transition, type Write } from './history.js';

/**
 * `I1` to `I4`: docs/coherence.md. `origin`: something was served that the replica never was. `outcome`: a write was not what its caller was
 * told, or was made twice. `condition`: a write was made, or refused, against what it had asked for. `load`: what was loaded overwrote a
 * newer write. `order`: a write came in over one with a higher write id, as a late one over a tombstone. `invalidation`: what was
 * there before an `invalidate` was served after it.
 */
export type Invariant =
  'I1' | 'I2' | 'I3' | 'I4' | 'origin' | 'outcome' | 'condition' | 'load' | 'order' | 'invalidation';

/** One broken promise, with everything needed to see that it was broken. */
export interface Violation {
  readonly invariant: Invariant;
  readonly key: string;
  /** `null`: it concerns no pod. */
  readonly pod: string | null;
  /** One sentence. */
  readonly what: string;
  /** The operations and states involved, a line each. */
  readonly involved: readonly string[];
}

const titles: Readonly<Record<Invariant, string>> = {
  I1: 'I1 convergence',
  I2: 'I2 monotonic reads',
  I3: 'I3 watermark',
  I4: 'I4 read your writes',
  origin: 'origin of a value',
  outcome: 'outcome of a write',
  condition: 'condition of a write',
  load: 'loads',
  order: 'order of writes',
  invalidation: 'invalidations',
};

/** The violation as text: a headline, then the lines involved, indented. */
export function describeViolation({ invariant, key, pod, what, involved }: Violation): string {
  const where = pod === null ? `key ${key}` : `key ${key}, pod ${pod}`;
  return [`${titles[invariant]}: ${where}: ${what}`, ...involved.map((line) => `  ${line}`)].join('\n');
}

export function describeRead({ id, operation, pod, key, invoked, responded, result, watermark }: Read): string {
  const said = result.type === 'served' ? `served ${show(result.value)} from ${result.from}` : describeEnd(result);
  const known = watermark === null ? '' : `, watermark ${seconds(watermark)}`;
  return `${id}: ${operation} ${key} on ${pod}, ${span(invoked, responded)}: ${said}${known}`;
}

export function describeWrite({ id, operation, pod, key, value, invoked, responded, result }: Write): string {
  const said = result.type === 'refused' ? `refused (${result.reason})` : result.type;
  return `${id}: ${operation} ${key}${value === null ? '' : ` = ${value}`} on ${pod}, ${span(invoked, responded)}: ${said}`;
}

/** `index` counts the key's states in its region; 0 is the absence before the first. */
export function describeState(index: number, transition: Transition | undefined): string {
  if (transition === undefined) return `state ${index}: absent, before anything was written`;
  const { region, key, at, value, by, acceptedMs } = transition;
  const made = by === undefined ? '' : ` by ${by}`;
  const accepted = acceptedMs === undefined ? 'not accepted by the stream' : `accepted at ${seconds(acceptedMs)}`;
  return `state ${index} of ${key} in ${region}: ${show(value)}${made}, applied at ${time(at)}, ${accepted}`;
}

export function show(value: string | null): string {
  return value ?? 'nothing';
}

function describeEnd(result: Exclude<Read['result'], { type: 'served' }>): string {
  return result.type === 'failed' ? `failed (${result.error})` : 'never answered';
}

function span(invoked: Moment, responded: Moment | undefined): string {
  return responded === undefined ? `from ${time(invoked)}` : `${time(invoked)} to ${time(responded)}`;
}

function time({ ms, tick }: Moment): string {
  return `${seconds(ms)} (#${tick})`;
}

/** Seconds since the last whole million of them: runs are short, and their times are compared with each other. */
function seconds(ms: number): string {
  return `${((ms % 1_000_000_000) / 1_000).toFixed(3)} s`;
}
