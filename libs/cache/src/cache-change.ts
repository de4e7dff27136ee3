import { type CdcEvent, isForeign, type ItemImage } from '@tidemark/protocol';
import { type CacheChange, type CacheEvents } from './cache-events.js';
import { KnownSet } from './known-set.js';
import { type Listeners } from './listeners.js';
import { type Transition } from './transition.js';
import { type ValueCodec } from './value-codec.js';

/** Transitions that are remembered, so that a change which comes by two lanes, or twice, is told once. */
const toldMax = 1_000;

/** Tells a cache's listeners of its changes. Costs nothing while there are none. */
export class ChangeTeller {
  readonly #listeners: Listeners<CacheEvents<unknown>>;
  readonly #codec: ValueCodec;
  readonly #told = new KnownSet(toldMax);

  constructor(listeners: Listeners<CacheEvents<unknown>>, codec: ValueCodec) {
    this.#listeners = listeners;
    this.#codec = codec;
  }

  ofEvent(key: string, event: CdcEvent): void {
    if (!this.#listeners.has('change')) return;
    const isNew = isForeign(event) || this.#isNew(key, event.from, event.to);
    if (isNew) this.#listeners.emit('change', changeOf(key, event, this.#codec));
  }

  ofWrite(key: string, { old, new: image }: Transition): void {
    if (!this.#listeners.has('change') || (old === undefined && image === undefined)) return;
    if (this.#isNew(key, old?.writeId ?? null, image?.writeId ?? null))
      this.#listeners.emit('change', changeOf(key, image, this.#codec));
  }

  /** A write id is unique, so the step between two of them is. */
  #isNew(key: string, from: string | null, to: string | null): boolean {
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
