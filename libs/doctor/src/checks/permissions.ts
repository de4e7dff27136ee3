import { isTidemarkError, messageOf } from '@tidemark/runtime';
import { failed } from '../examine.js';
import { type Check, type Finding, type Look, ok, problem, skipped } from '../finding.js';

/** One call that a process makes, made once. */
export interface Probe {
  /** As IAM or Kafka's ACLs name it: `kinesis:GetRecords`, `Write on tidemark.dead-letters`. */
  readonly permission: string;
  readonly isWrite: boolean;
  call(signal: AbortSignal): Promise<unknown>;
}

/** Nothing was refused: that it is not there, other checks judge. */
const missing = ['TOPIC_MISSING', 'TABLE_MISSING', 'STREAM_MISSING'] as const;

/** AWS's own name for it: there was nobody to ask as. */
const noCredentials = 'CredentialsProviderError';
const giveThem =
  'give this process credentials for AWS: the role that it is to run as, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';

/** Whether this process's credentials may make the calls, and what is found `beside`. Calls that write are made only where `writes` says so. */
export function permissionsCheck(
  probes: readonly Probe[],
  beside: readonly Look[],
  { writes }: { readonly writes: boolean },
): Check {
  const run: Look['run'] = (signal) => Promise.all(probes.map((probe) => probeFinding(probe, writes, signal)));
  return { name: 'permissions', run, beside };
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
