import { type ProcessRole } from './role-needs.js';

/**
 * `ok`: as it should be. `warning`: it works, with less than it could. `problem`: something is lost, late or will be. `unknown`: it could not be looked
 * at, which is a failure too. `skipped`: nobody asked for it.
 */
export type Status = 'ok' | 'skipped' | 'warning' | 'problem' | 'unknown';

/** One thing that was looked at. */
export interface Finding {
  /** What it is of: the name of a table, a topic, a call. */
  readonly subject: string;
  readonly status: Status;
  /** What was found, in one line. */
  readonly message: string;
  /** What to do about it; always there for `problem` and `unknown`. */
  readonly remedy?: string;
}

/** Whatever `run` cannot find out, it throws: that becomes a finding of `name`. */
export interface Look {
  readonly name: string;
  readonly run: (signal: AbortSignal) => Promise<readonly Finding[]>;
}

/** Looks at one part of a region. */
export interface Check extends Look {
  /** What is looked at side by side with it, each bounded by itself: where one fails or hangs, the others are told all the same. */
  readonly beside?: readonly Look[];
}

export const ok = (subject: string, message: string): Finding => ({ subject, status: 'ok', message });

export const skipped = (subject: string, message: string): Finding => ({ subject, status: 'skipped', message });

export const warning = (subject: string, message: string, remedy: string): Finding => ({
  subject,
  status: 'warning',
  message,
  remedy,
});

export const problem = (subject: string, message: string, remedy: string): Finding => ({
  subject,
  status: 'problem',
  message,
  remedy,
});

/** Of a topic, or group, that this principal may not see, or read: its own affair where it is said to be that of a process, which the check of permissions judges; else it was not looked at. */
export function hidden(
  subject: string,
  role: ProcessRole | undefined,
  operation: 'Describe' | 'Read' = 'Describe',
): Finding {
  const what = operation === 'Describe' ? 'see' : 'read';
  const message = `this principal may not ${what} it, so it was not looked at`;
  if (role !== undefined) return skipped(subject, message);
  const remedy = `give it ${operation} on ${subject}, as the row of doctor in infra/kafka/README.md has it; or say whose principal it is (--role)`;
  return { subject, status: 'unknown', message, remedy };
}
