import { isTidemarkError, type LogFields, type Logger, messageOf } from '@tidemark/runtime';
import { type RetryObserver } from './retry.js';

/** What is failing at present, logged once when it begins, changes its kind or ends, however often it is tried. */
export class TroubleLog implements RetryObserver {
  readonly #current = new Map<string, { readonly kind: string; readonly message: string }>();
  readonly #log: Logger;
  readonly #fields: LogFields;
  readonly #onFailure: (what: string) => void;

  constructor(log: Logger, fields: LogFields, onFailure: (what: string) => void = () => undefined) {
    this.#log = log;
    this.#fields = fields;
    this.#onFailure = onFailure;
  }

  failed(what: string, error: unknown): void {
    this.#onFailure(what);
    const message = messageOf(error);
    const kind = isTidemarkError(error) ? error.code : message;
    const before = this.#current.get(what);
    this.#current.set(what, { kind, message });
    if (before?.kind !== kind) this.#log.warn({ ...this.#fields, what, code: kind, error: message }, `${what} fails`);
  }

  succeeded(what: string): void {
    if (this.#current.delete(what)) this.#log.info({ ...this.#fields, what }, `${what} works again`);
  }

  gaveUp(what: string): void {
    this.#current.delete(what);
  }

  /** What fails now, or `null`. */
  get lastError(): string | null {
    for (const [what, { message }] of this.#current) return `${what}: ${message}`;
    return null;
  }
}
