import { encodeRoute, type Route } from '@tidemark/protocol';

/** Appends without an answer that are remembered. */
const unansweredMax = 16;

/** A record that is being written. */
export interface PendingRecord {
  /** What it does. */
  readonly operation: string;
  /** It has come back, and stands. */
  seen: boolean;
}

/** The records that this process writes: which of those that come back are its own. */
export class OwnRecords {
  #pending: (PendingRecord & { readonly encoded: string }) | undefined;
  /** Records whose append failed and that had not come back: they may still arrive. */
  readonly #unanswered = new Map<string, string>();

  /** One at a time. */
  begin(route: Route, operation: string): PendingRecord {
    this.#pending = { encoded: encodeRoute(route), operation, seen: false };
    return this.#pending;
  }

  /** It is not waited for any more, though it may still arrive. */
  end(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending?.seen === false) this.#unanswered.set(pending.encoded, pending.operation);
    for (const oldest of this.#unanswered.keys())
      if (this.#unanswered.size > unansweredMax) this.#unanswered.delete(oldest);
  }

  /** What a record that was read does, where it is one of these; asked once for each. `pending`: it is the one being written. */
  claim(route: Route): { readonly operation: string; readonly pending: boolean } | undefined {
    const encoded = encodeRoute(route);
    if (this.#pending?.encoded === encoded) return { operation: this.#pending.operation, pending: true };
    const operation = this.#unanswered.get(encoded);
    this.#unanswered.delete(encoded);
    return operation === undefined ? undefined : { operation, pending: false };
  }

  /** The pending record stands. */
  confirm(): void {
    if (this.#pending !== undefined) this.#pending.seen = true;
  }
}
