import { failed } from '../examine.js';
import { type Check, type Finding, ok, problem, warning } from '../finding.js';

/** What became of a connection to one broker. */
export interface BrokerLook {
  /** `host:port`. */
  readonly address: string;
  /** `host:port` of every broker of the cluster, none where that could not be asked; `undefined`: this one did not answer. */
  readonly advertised?: readonly string[];
  /** Why it did not. */
  readonly error?: unknown;
}

/** Advertised brokers that are connected to, beside those that were named. */
const learntMax = 100;

/** Whether the brokers that were named answer, and those that they tell of: processes have to reach each of them. */
export function brokersCheck(
  named: readonly string[],
  ask: (address: string, signal: AbortSignal) => Promise<readonly string[]>,
): Check {
  return {
    name: 'brokers',
    run: async (signal) => {
      const look = (address: string): Promise<BrokerLook> =>
        ask(address, signal).then(
          (advertised) => ({ address, advertised }),
          (error: unknown) => ({ address, error }),
        );
      const looks = await Promise.all(named.map(look));
      const learnt = [...advertisedBy(looks)].filter((address) => !named.includes(address)).sort();
      return brokerFindings([...looks, ...(await Promise.all(learnt.slice(0, learntMax).map(look)))]);
    },
  };
}

export function brokerFindings(looks: readonly BrokerLook[]): readonly Finding[] {
  const advertised = advertisedBy(looks);
  return looks.map((look) => findingOf(look, advertised));
}

function findingOf({ address, advertised: told, error }: BrokerLook, advertised: ReadonlySet<string>): Finding {
  if (told !== undefined) return ok(address, told.length === 0 ? 'answers' : `answers, of ${told.length}`);
  const finding = failed(address, error);
  if (advertised.has(address))
    return problem(
      address,
      `is in the cluster, and does not answer this host: ${finding.message}`,
      'see what is between this host and the address that it advertises, and whether it stands still: what it leads can be neither read nor written from here',
    );
  if (advertised.size === 0) return finding;
  return warning(
    address,
    `does not answer, and the others do not tell of it: ${finding.message}`,
    'start it, or take it out of TIDEMARK_KAFKA_BROKERS; processes go on to the next one',
  );
}

function advertisedBy(looks: readonly BrokerLook[]): ReadonlySet<string> {
  return new Set(looks.flatMap(({ advertised = [] }) => advertised));
}
