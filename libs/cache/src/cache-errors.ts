import { isTidemarkError, messageOf, TidemarkError } from '@tidemark/runtime';
import { type VersionToken } from './version-token.js';

/**
 * A write whose answer is missing: it may be in the table, or arrive there later. It is never sent again, since a second attempt could
 * overwrite a later write that had seen the first. The key is dropped from L1; if the write did commit, its change event reaches every pod.
 */
export class AmbiguousWriteError extends TidemarkError {
  override readonly name = 'AmbiguousWriteError';

  constructor(cache: string, operation: string, writeId: string, cause: unknown) {
    super(
      'AMBIGUOUS_WRITE',
      `${operation} in cache ${cache} may or may not have been committed; it was not sent again`,
      {
        retriable: false,
        cause,
        context: { cache, operation, writeId },
      },
    );
  }
}

export interface PartialReadOptions {
  readonly cache: string;
  /** Keys that were asked for. */
  readonly asked: number;
  readonly found: ReadonlyMap<string, unknown>;
  readonly missing: readonly string[];
  /** What one of them failed with, one that trying again does not mend if there is such a one. */
  readonly cause: unknown;
}

/** Some keys of a `getMany` could not be read; `found` holds what could, `missing` the keys that are unknown. Retriable as its cause is. */
export class PartialReadError extends TidemarkError {
  override readonly name = 'PartialReadError';
  readonly found: ReadonlyMap<string, unknown>;
  readonly missing: readonly string[];

  constructor({ cache, asked, found, missing, cause }: PartialReadOptions) {
    super(
      'PARTIAL_READ',
      `getMany in cache ${cache}: ${missing.length} of ${asked} keys could not be read: ${messageOf(cause)}`,
      {
        retriable: isTidemarkError(cause) && cause.retriable,
        cause,
        context: { cache, asked, missing: missing.length },
      },
    );
    this.found = found;
    this.missing = missing;
  }
}

/**
 * A write is not visible in every live pod of the region yet. The write itself is committed; `missing` names the pods that have not
 * said that they are past it, `silent` those that were not waited for.
 */
export class VisibilityTimeoutError extends TidemarkError {
  override readonly name = 'VisibilityTimeoutError';
  readonly committed = true;
  readonly token: VersionToken;
  readonly missing: readonly string[];
  readonly silent: readonly string[];

  constructor(
    token: VersionToken,
    missing: readonly string[],
    silent: readonly string[],
    timeoutMs: number,
    cause: unknown,
  ) {
    const pods = missing.length === 0 ? 'the pods’ reports could not be read' : `missing: ${missing.join(', ')}`;
    super('VISIBILITY_TIMEOUT', `a committed write was not visible everywhere after ${timeoutMs} ms; ${pods}`, {
      retriable: true,
      cause,
      context: { missing, silent, timeoutMs },
    });
    this.token = token;
    this.missing = missing;
    this.silent = silent;
  }
}
