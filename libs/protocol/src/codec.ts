import { type Payload } from './item.js';

/** Turns values into what is stored and back. `decode(encode(v))` is what every reader gets, the writing pod included. */
export interface Codec<V> {
  /** Stored beside the value; `[a-z0-9-]`. */
  readonly name: string;
  encode(value: V): Payload;
  /** Throws on anything that `encode` cannot have made. */
  decode(payload: Payload): V;
}

/** Property names that would reach into prototypes once a value is merged into another object. */
const poisoned = new Set(['__proto__', 'constructor', 'prototype']);
const suspicious = /__proto__|constructor|prototype|\\u/;

/** JSON text. Refuses property names that poison prototypes, and values that JSON cannot hold at all. */
export const jsonCodec: Codec<unknown> = {
  name: 'json',
  encode(value) {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new TypeError(`JSON cannot hold a value of type ${typeof value}`);
    if (suspicious.test(text)) parseRefusingPoison(text);
    return text;
  },
  decode(payload) {
    const text =
      typeof payload === 'string'
        ? payload
        : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
    return suspicious.test(text) ? parseRefusingPoison(text) : parse(text);
  },
};

function parseRefusingPoison(text: string): unknown {
  let refused: string | undefined;
  const parsed = parse(text, (name, value) => {
    if (poisoned.has(name)) refused ??= name;
    return value;
  });
  if (refused !== undefined) throw new SyntaxError(`property name ${refused} is refused`);
  return parsed;
}

/** The engine's own messages quote the text, which is somebody's value. */
function parse(text: string, reviver?: (name: string, value: unknown) => unknown): unknown {
  try {
    return JSON.parse(text, reviver) as unknown;
  } catch {
    throw new SyntaxError('expected JSON');
  }
}
