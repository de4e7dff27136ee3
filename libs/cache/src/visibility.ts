import { type CdcEvent, encodeControl, encodeEvent, type WireRecord } from '@tidemark/protocol';
import { type Clock, isTidemarkError, TidemarkError, wait, withDeadline } from '@tidemark/runtime';
import { type EventPublisher, type PodRegistry } from './backend.js';
import { VisibilityTimeoutError } from './cache-errors.js';
import { type TokenParts, type VersionToken } from './version-token.js';
import { type VisibilityVerdict, visibilityOf } from './visibility-decision.js';

export interface VisibilityOptions {
  readonly publisher: EventPublisher;
  readonly registry: PodRegistry;
  readonly clock: Clock;
  /** Transitions of this pod that are kept to be sent again; default 1,000. A token of another write is asked for by an invalidation. */
  readonly transitionsMax?: number;
  /** Bytes of their keys and values that are kept, the oldest forgotten first; default 8 MiB. */
  readonly transitionBytesMax?: number;
}

/** Every live pod of the region that has caches of the table reads this write, or a later one. */
export interface Visible {
  /** How many pods said so. */
  readonly pods: number;
  /** Pods that have been silent for more than 10 s: not waited for, and perhaps still serving what they hold. */
  readonly silent: readonly string[];
}

/** Between two looks at the pods' reports, ms. */
const lookMs = 25;

/**
 * Waits until a write is visible in the whole region. The transition itself is published again, asking for reports: what is acknowledged at
 * offset F of the table topic reaches every pod through the same partitions as any event, so a pod that reports progress past F has
 * dropped, fenced or replaced whatever was older. A pod that registers later begins its reads after the write.
 */
export class Visibility {
  readonly #options: VisibilityOptions;
  readonly #events = new Map<VersionToken, CdcEvent>();
  readonly #eventsMax: number;
  readonly #bytesMax: number;
  #bytes = 0;
  #closed = false;

  constructor(options: VisibilityOptions) {
    this.#options = options;
    this.#eventsMax = options.transitionsMax ?? 1_000;
    this.#bytesMax = options.transitionBytesMax ?? 8_388_608;
  }

  /** Keeps a transition of this pod, as the fast lane tells it, for a later `whenVisible`. */
  remember(token: VersionToken, event: CdcEvent): void {
    this.#forget(token);
    this.#events.set(token, { ...event, value: alone(event.value) });
    this.#bytes += bytesOf(event);
    for (const oldest of this.#events.keys()) {
      if (this.#events.size <= this.#eventsMax && this.#bytes <= this.#bytesMax) return;
      this.#forget(oldest);
    }
  }

  /** Throws `VisibilityTimeoutError` at the deadline; `CLOSED`; `VISIBILITY_UNAVAILABLE` when Kafka takes no records of this pod. */
  async whenVisible(
    token: VersionToken,
    { table, itemKey }: TokenParts,
    call: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<Visible> {
    const { clock, publisher, registry } = this.#options;
    let verdict: VisibilityVerdict | undefined;
    const what = `visibility of a write of table ${table}`;
    try {
      return await withDeadline({ clock, what, ...call }, async (signal) => {
        const [place] = await publisher.publish(table, [this.#asking(token, table, itemKey)], { ...call, signal });
        if (place === undefined) throw unavailable('the record was acknowledged without its place');
        for (;;) {
          verdict = visibilityOf(await registry.read({ ...call, signal }), { table, ...place });
          if (verdict.missing.length === 0) return { pods: verdict.past.length, silent: verdict.silent };
          await wait(clock, lookMs, signal);
          signal.throwIfAborted();
          if (this.#closed) throw new TidemarkError('CLOSED', `${what}: this pod is closed`, { retriable: false });
        }
      });
    } catch (error) {
      if (isTidemarkError(error, 'TIMEOUT'))
        throw new VisibilityTimeoutError(token, verdict?.missing ?? [], verdict?.silent ?? [], call.timeoutMs, error);
      if (isTidemarkError(error) && unreachable.has(error.code)) throw unavailable(error.message, error);
      throw error;
    }
  }

  /** Calls that still wait fail with `CLOSED` at their next look. */
  close(): void {
    this.#closed = true;
    this.#events.clear();
    this.#bytes = 0;
  }

  #forget(token: VersionToken): void {
    const event = this.#events.get(token);
    if (event === undefined) return;
    this.#events.delete(token);
    this.#bytes -= bytesOf(event);
  }

  /** The transition, if this pod made it; else an invalidation of the key, which every pod obeys. */
  #asking(token: VersionToken, table: string, itemKey: string): WireRecord {
    const event = this.#events.get(token);
    if (event === undefined) return encodeControl({ control: 'invalidate', table, key: itemKey, report: true });
    return encodeEvent({ ...event, report: true });
  }
}

function bytesOf({ key, value }: CdcEvent): number {
  return key.length + (value?.byteLength ?? 0);
}

/** Small buffers are cut from a pool: one of a few bytes would keep all of its 8 KiB. */
function alone(value: Uint8Array | null): Uint8Array | null {
  return value === null || value.byteLength === value.buffer.byteLength ? value : new Uint8Array(value);
}

const unreachable: ReadonlySet<string> = new Set([
  'PUBLISH_FAILED',
  'TOPIC_MISSING',
  'ACCESS_DENIED',
  'FEED_UNAVAILABLE',
]);

export function unavailable(reason: string, cause?: unknown): TidemarkError {
  return new TidemarkError('VISIBILITY_UNAVAILABLE', `visibility cannot be told: ${reason}`, {
    retriable: true,
    cause,
  });
}
