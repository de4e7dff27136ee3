import { type CdcEvent, isForeign, type ItemImage } from '@tidemark/protocol';
import { type CacheChange, type CacheEvents } from './cache-events.js';
import { forgetOldest } from './forget-oldest.js';
import { KnownSet } from './known-set.js';
import { type Listeners } from './listeners.js';
import { type Transition } from './transition.js';
import { type ValueCodec } from './value-codec.js';

/** Transitions that are remembered, so that a change which comes by two lanes, or twice, is told once. */
const toldMax = 1_000;
/** Keys of which the state that was told last is remembered, so that an older change which comes late is not told as the newest. */
const keysMax = 10_000;

/** An item's write id; `null`: a foreign writer's item without one; `undefined`: no item. */
type State = string | null | undefined;

/**
 * Tells a cache's listeners of its changes. Costs nothing while there are none.
 *
 * Changes come by two lanes and as acknowledgements, so an older one may come last. What begins where the change told before ended is told as
 * it is; what does not is told as `unknown`: a listener that keeps values would otherwise end with an overwritten one.
 */
export class ChangeTeller {
  readonly #listeners: Listeners<CacheEvents<unknown>>;
  readonly #codec: ValueCodec;
  readonly #told = new KnownSet(toldMax);
  readonly #last = new Map<string, State>();

  constructor(listeners: Listeners<CacheEvents<unknown>>, codec: ValueCodec) {
    this.#listeners = listeners;
    this.#codec = codec;
  }

  ofEvent(key: string, event: CdcEvent): void {
    if (!this.#isHeard) return;
    const { kind, from, to } = event;
    const before = kind === 'insert' ? undefined : from;
    const after = kind === 'remove' ? undefined : to;
    if (isForeign(event) || this.#isNew(key, before, after)) this.#tell(key, before, after, event);
  }

  ofWrite(key: string, { old, new: image }: Transition): void {
    if (!this.#isHeard || (old === undefined && image === undefined)) return;
    const [before, after] = [old?.writeId, image?.writeId];
    if (this.#isNew(key, before, after)) this.#tell(key, before, after, image);
  }

  /** What happened while nobody listened was not told, so nothing follows it. */
  get #isHeard(): boolean {
    const isHeard = this.#listeners.has('change');
    if (!isHeard && this.#last.size > 0) this.#last.clear();
    return isHeard;
  }

  #tell(key: string, before: State, after: State, source: CdcEvent | ItemImage | undefined): void {
    const follows = !this.#last.has(key) || this.#last.get(key) === before;
    this.#last.delete(key);
    this.#last.set(key, after);
    forgetOldest(this.#last, keysMax);
    const change = follows ? changeOf(key, source, this.#codec) : { key, kind: 'unknown' as const, value: undefined };
    this.#listeners.emit('change', change);
  }

  /** A write id is unique, so a step to or from one is. Without any, only a second removal in a row is known to be nothing new. */
  #isNew(key: string, before: State, after: State): boolean {
    const [from, to] = [before ?? null, after ?? null];
    if (from === null && to === null) return !this.#last.has(key) || this.#last.get(key) !== undefined;
    const step = JSON.stringify([from, to, key]);
    if (this.#told.has(step)) return false;
    this.#told.add(step);
    return true;
  }
}

/** What a listener is told of an event, or of a write of this pod (`undefined`: it removed the item). */
function changeOf(key: string, source: CdcEvent | ItemImage | undefined, codec: ValueCodec): CacheChange<unknown> {
  const kind =
    source === undefined ? 'delete' : 'kind' in source ? kindOf(source) : source.value === null ? 'delete' : 'put';
  if (kind !== 'put' || source === undefined || source.value === null) return { key, kind, value: undefined };
  return new DecodedOnDemand(key, source.value, source.codec, codec);
}

/** A fast event may leave its value out: then nobody knows what the item holds. A foreign writer's lease or touch has no value to tell either. */
function kindOf(event: CdcEvent): CacheChange<unknown>['kind'] {
  if (event.value !== null) return 'put';
  if (event.kind === 'remove') return 'delete';
  return event.lane === 'fast' || isForeign(event) ? 'unknown' : 'delete';
}

class DecodedOnDemand implements CacheChange<unknown> {
  readonly key: string;
  readonly kind = 'put';
  #decoded: { readonly value: unknown } | undefined;
  readonly #decode: () => unknown;

  constructor(key: string, payload: Uint8Array | string, codecName: string | null, codec: ValueCodec) {
    this.key = key;
    this.#decode = () => codec.decode(payload, codecName);
  }

  get value(): unknown {
    this.#decoded ??= { value: attempt(this.#decode) };
    return this.#decoded.value;
  }
}

function attempt(decode: () => unknown): unknown {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
