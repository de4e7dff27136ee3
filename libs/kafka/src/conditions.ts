import { TidemarkError } from '@tidemark/runtime';

interface Pending {
  readonly holds: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: TidemarkError) => void;
}

/** Promises of conditions, looked at whenever their owner says that something has changed. */
export class Conditions {
  readonly #pending = new Set<Pending>();
  #closed = false;

  /** Resolves once `holds` does; rejects with `ABORTED` or `CLOSED`. */
  until(holds: () => boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closed());
      if (signal?.aborted === true) return reject(aborted(signal));
      if (holds()) return resolve();
      const settle = (): void => {
        this.#pending.delete(pending);
        signal?.removeEventListener('abort', onAbort);
      };
      const pending: Pending = {
        holds,
        resolve: () => (settle(), resolve()),
        reject: (error) => (settle(), reject(error)),
      };
      const onAbort = (): void => pending.reject(aborted(signal));
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.add(pending);
    });
  }

  /** Something has changed. */
  check(): void {
    for (const pending of this.#pending) if (pending.holds()) pending.resolve();
  }

  /** Rejects all that are pending, and all that come. */
  close(): void {
    this.#closed = true;
    for (const pending of this.#pending) pending.reject(closed());
  }
}

function closed(): TidemarkError {
  return new TidemarkError('CLOSED', 'the kafka connection is closed', { retriable: false });
}

function aborted(signal: AbortSignal | undefined): TidemarkError {
  return new TidemarkError('ABORTED', 'the wait was aborted by its caller', {
    retriable: false,
    cause: signal?.reason,
  });
}
