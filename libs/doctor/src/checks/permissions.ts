import { isTidemarkError, messageOf } from '@tidemark/runtime';
import { failed } from '../examine.js';
import { type Check, type Finding, ok, problem, skipped } from '../finding.js';

/** One call that a process makes, made once. */
export interface Probe {
  /** As IAM or Kafka's ACLs name it: `kinesis:GetRecords`, `Write on tidemark.dead-letters`. */
  readonly permission: string;
  readonly isWrite: boolean;
  call(signal: AbortSignal): Promise<unknown>;
}

/** What is known of permissions without a call of this check: where it cannot be asked for, the rest is told all the same. */
export interface Hearsay {
  /** What `findings` tell of, where they fail. */
  readonly subject: string;
  readonly findings: () => Promise<readonly Finding[]>;
}

/** Nothing was refused: that it is not there, other checks judge. */
const missing = ['TOPIC_MISSING', 'TABLE_MISSING', 'STREAM_MISSING'] as const;

/** AWS's own name for it: there was nobody to ask as. */
const noCredentials = 'CredentialsProviderError';
const giveThem =
  'give this process credentials for AWS: the role that it is to run as, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';

/** Whether this process's credentials may make the calls, and what others say of permissions. Calls that write are made only where `writes` says so. */
export function permissionsCheck(
  probesOf: (signal: AbortSignal) => Promise<readonly Probe[]>,
  hearsay: readonly Hearsay[],
  { writes }: { readonly writes: boolean },
): Check {
  return {
    name: 'permissions',
    run: async (signal) => {
      const probes = await probesOf(signal);
      const heard = hearsay.map(({ subject, findings }) =>
        findings().catch((error: unknown) => [failed(subject, error)]),
      );
      const tried = probes.map(async (probe) => [await probeFinding(probe, writes, signal)]);
      return (await Promise.all([...tried, ...heard])).flat();
    },
  };
}

export async function probeFinding(probe: Probe, writes: boolean, signal: AbortSignal): Promise<Finding> {
  const { permission, isWrite } = probe;
  if (isWrite && !writes) return skipped(permission, 'not tried: it writes (--write-probe)');
  try {
    await probe.call(signal);
    return ok(permission, 'allowed');
  } catch (error) {
    if (missing.some((code) => isTidemarkError(error, code))) return skipped(permission, messageOf(error));
    if (!isTidemarkError(error, 'ACCESS_DENIED')) return failed(permission, error);
    if (error.context['name'] === noCredentials) return problem(permission, `not asked: ${messageOf(error)}`, giveThem);
    return problem(permission, `refused: ${messageOf(error)}`, `allow ${permission} to the principal of this process`);
  }
}
