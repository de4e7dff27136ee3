import { encodeRoute, type Route } from '@tidemark/protocol';

/** Appends without an answer that are remembered. */
const unansweredMax = 16;

/** A record that is being written. */
export interface PendingRecord {
  /** It has come back, and stands. */
  seen: boolean;
}

/** The records that this process writes: which of those that come back are its own. */
export class OwnRecords {
  #pending: (PendingRecord & { readonly encoded: string }) | undefined;
  /** Records whose append failed and that had not come back: they may still arrive. */
  readonly #unanswered = new Set<string>();

  /** One at a time. */
  begin(route: Route): PendingRecord {
    this.#pending = { encoded: encodeRoute(route), seen: false };
    return this.#pending;
  }

  /** It is not waited for any more, though it may still arrive. */
  end(): void {
    const { encoded, seen } = this.#pending ?? { encoded: '', seen: true };
    this.#pending = undefined;
    if (!seen) this.#unanswered.add(encoded);
    for (const oldest of this.#unanswered) if (this.#unanswered.size > unansweredMax) this.#unanswered.delete(oldest);
  }

  /** What a record that was read is; asked once for each. */
  claim(route: Route): 'pending' | 'late' | 'no' {
    const encoded = encodeRoute(route);
    if (this.#pending?.encoded === encoded) return 'pending';
    return this.#unanswered.delete(encoded) ? 'late' : 'no';
  }

  /** The pending record stands. */
  confirm(): void {
    if (this.#pending !== undefined) this.#pending.seen = true;
  }
}
