import { type Payload } from './item.js';
import { mayNestDeeperThan, nestsDeeperThan } from './nesting.js';

/** Turns values into what is stored and back. `decode(encode(v))` is what every reader gets, the writing pod included. */
export interface Codec<V> {
  /** Stored beside the value; `[a-z0-9-]`. */
  readonly name: string;
  encode(value: V): Payload;
  /** Throws on anything that `encode` cannot have made. */
  decode(payload: Payload): V;
  /** Whether a put is refused whose value would not come back as it is. Default false: the codec answers for what it makes of values. */
  readonly exact?: boolean;
}

/** Property names that would reach into prototypes once a value is merged into another object. */
const poisoned = new Set(['__proto__', 'constructor', 'prototype']);
const suspicious = /__proto__|constructor|prototype|\\u/;

/** Levels of objects and arrays that a value may nest, as in DynamoDB's own documents: whoever walks through a value must not run out of stack. */
export const jsonDepthMax = 32;

/** JSON text. Refuses property names that poison prototypes, values nested deeper than `jsonDepthMax`, and those that JSON cannot hold at all. */
export const jsonCodec: Codec<unknown> = {
  name: 'json',
  exact: true,
  encode(value) {
    const text = stringify(value);
    if (text === undefined) throw new TypeError(`JSON cannot hold a value of type ${typeof value}`);
    refuseDepth(text, value);
    if (suspicious.test(text)) refusePoison(text);
    return text;
  },
  decode(payload) {
    const text =
      typeof payload === 'string'
        ? payload
        : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
    const value = parse(text);
    refuseDepth(text, value);
    if (suspicious.test(text)) refusePoison(text);
    return value;
  },
};

/** The engine runs out of stack with what is nested some thousand levels deep. */
function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw error instanceof RangeError && error.message.includes('call stack') ? tooDeep() : error;
  }
}

/** After parsing, which needs no stack, and before anything that does. */
function refuseDepth(text: string, value: unknown): void {
  if (mayNestDeeperThan(text, jsonDepthMax) && nestsDeeperThan(value, jsonDepthMax)) throw tooDeep();
}

function tooDeep(): SyntaxError {
  return new SyntaxError(`expected at most ${jsonDepthMax} levels of objects and arrays, got more`);
}

function refusePoison(text: string): void {
  let refused: string | undefined;
  parse(text, (name, value) => {
    if (poisoned.has(name)) refused ??= name;
    return value;
  });
  if (refused !== undefined) throw new SyntaxError(`property name ${refused} is refused`);
}

/** The engine's own messages quote the text, which is somebody's value. */
function parse(text: string, reviver?: (name: string, value: unknown) => unknown): unknown {
  try {
    return JSON.parse(text, reviver) as unknown;
  } catch {
    throw new SyntaxError('expected JSON');
  }
}
