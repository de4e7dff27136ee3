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

/** Looks at one part of a region. Whatever it cannot find out, it throws: that becomes a finding by itself. */
export interface Check {
  readonly name: string;
  run(signal: AbortSignal): Promise<readonly Finding[]>;
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
