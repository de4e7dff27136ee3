import { TidemarkError } from '@tidemark/runtime';

/**
 * A write whose answer is missing: it may be in the table, or arrive there later. It is never sent again, since a second attempt could
 * overwrite a later write that had seen the first. The key is dropped from L1; if the write did commit, its change event reaches every pod.
 */
export class AmbiguousWriteError extends TidemarkError {
  override readonly name = 'AmbiguousWriteError';

  constructor(cache: string, operation: 'put' | 'delete', writeId: string, cause: unknown) {
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

/** Some keys of a `getMany` could not be read; `found` holds what could, `missing` the keys that are unknown. */
export class PartialReadError extends TidemarkError {
  override readonly name = 'PartialReadError';
  readonly found: ReadonlyMap<string, unknown>;
  readonly missing: readonly string[];

  constructor(cache: string, found: ReadonlyMap<string, unknown>, missing: readonly string[], cause: unknown) {
    super(
      'PARTIAL_READ',
      `getMany in cache ${cache}: ${missing.length} of ${missing.length + found.size} keys could not be read`,
      {
        retriable: true,
        cause,
        context: { cache, missing: missing.length },
      },
    );
    this.found = found;
    this.missing = missing;
  }
}
