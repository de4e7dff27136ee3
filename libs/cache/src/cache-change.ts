import { type CdcEvent, isForeign, type ItemImage } from '@tidemark/protocol';
import { type CacheChange } from './cache-events.js';
import { type ValueCodec } from './value-codec.js';

/** What a listener is told of an event, or of a write of this pod (`undefined`: it removed the item). */
export function changeOf(
  key: string,
  source: CdcEvent | ItemImage | undefined,
  codec: ValueCodec,
): CacheChange<unknown> {
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
