import { type Check, type Finding, ok, problem, skipped, warning } from '../finding.js';

/** How far another clock is ahead of this host's, ms; `undefined`: it could not be told. */
export interface ClockFacts {
  /** AWS's, as the `Date` of an answer tells it, to a second. */
  readonly awsAheadMs: number | undefined;
  /** The brokers', as the newest report of a pod is dated; pods report each 2 s. */
  readonly brokerAheadMs: number | undefined;
}

/** Errors of up to this much are in the method, ms. */
const exactMs = 2_000;
/** AWS refuses requests that are dated 5 minutes off; every second is a second of staleness that is wrongly told. */
const badMs = 60_000;

const remedy =
  'synchronise this host’s clock (chrony, NTP), and look at the others’: sync dates what pods measure staleness by';

/** Whether this host's clock agrees with AWS's and the brokers'. */
export function clocksCheck(factsOf: (signal: AbortSignal) => Promise<ClockFacts>): Check {
  return { name: 'clocks', run: async (signal) => clockFindings(await factsOf(signal)) };
}

export function clockFindings({ awsAheadMs, brokerAheadMs }: ClockFacts): readonly Finding[] {
  return [
    finding('AWS', awsAheadMs, 'no answer had a date'),
    finding('brokers', brokerAheadMs, 'no pod has reported lately'),
  ];
}

function finding(subject: string, aheadMs: number | undefined, otherwise: string): Finding {
  if (aheadMs === undefined) return skipped(subject, otherwise);
  const seconds = `${Math.abs(aheadMs / 1_000).toFixed(1)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} this host`;
  if (Math.abs(aheadMs) <= exactMs) return ok(subject, `within ${exactMs / 1_000} s of this host`);
  return Math.abs(aheadMs) < badMs ? warning(subject, seconds, remedy) : problem(subject, seconds, remedy);
}
