import { failed } from '../examine.js';
import { type Check, type Finding, ok, problem, skipped, warning } from '../finding.js';

/** Another clock than this host's. */
export interface ClockAhead {
  readonly whose: string;
  /** What is said where it could not be told. */
  readonly otherwise: string;
  /** How far it is ahead of this host's, ms; `undefined`: it cannot be told. */
  readonly aheadMs: (signal: AbortSignal) => Promise<number | undefined>;
}

/** Errors of up to this much are in the method, ms. */
const exactMs = 2_000;
/** AWS refuses requests that are dated 5 minutes off; every second is a second of staleness that is wrongly told. */
const badMs = 60_000;

const remedy =
  'synchronise this host’s clock (chrony, NTP), and look at the others’: sync dates what pods measure staleness by';

/** Whether this host's clock agrees with AWS's and the brokers'. */
export function clocksCheck(clocks: readonly ClockAhead[]): Check {
  return {
    name: 'clocks',
    run: (signal) =>
      Promise.all(
        clocks.map(({ whose, otherwise, aheadMs }) =>
          aheadMs(signal).then(
            (ms) => clockFinding(whose, ms, otherwise),
            (error: unknown) => failed(whose, error),
          ),
        ),
      ),
  };
}

export function clockFinding(subject: string, aheadMs: number | undefined, otherwise: string): Finding {
  if (aheadMs === undefined) return skipped(subject, otherwise);
  const seconds = `${Math.abs(aheadMs / 1_000).toFixed(1)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} this host`;
  if (Math.abs(aheadMs) <= exactMs) return ok(subject, `within ${exactMs / 1_000} s of this host`);
  return Math.abs(aheadMs) < badMs ? warning(subject, seconds, remedy) : problem(subject, seconds, remedy);
}
