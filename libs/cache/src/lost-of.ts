import { isDeepStrictEqual } from 'node:util';

export interface Lost {
  /** Where in the value, with a colon behind it; empty: the value itself. */
  readonly path: string;
  /** What stands there: its type, never what it says. */
  readonly what: string;
}

/**
 * The first part of `value` that `back`, which was encoded and decoded, does not have as it is; `undefined`: there is none.
 *
 * A property that is `undefined` may be gone. An object of a class counts as what its own properties say, since nothing tells whether more was
 * meant; one that is more than those, or says itself what it becomes (`toJSON`), must come back as the same. Recursive: for values that a codec
 * has found to be no cycle and of bounded depth.
 */
export function lostOf(value: unknown, back: unknown): Lost | undefined {
  const found = firstLost(value, back);
  if (found === undefined) return undefined;
  const { parents, what } = found;
  return { path: parents.length === 0 ? '' : `${parents.reverse().join('.')}: `, what };
}

interface Found {
  /** Names and indices, the innermost first. */
  readonly parents: (string | number)[];
  readonly what: string;
}

function firstLost(value: unknown, back: unknown): Found | undefined {
  if (value === back) return undefined;
  if (typeof value !== 'object' || value === null) return lost(value);
  if (Array.isArray(value)) return Array.isArray(back) ? firstOfArray(value, back) : lost(value);
  if (!isRecord(value)) return isDeepStrictEqual(value, back) ? undefined : lost(value);
  if (typeof back !== 'object' || back === null || Array.isArray(back)) return lost(value);
  return firstOfRecord(value, back as Readonly<Record<string, unknown>>);
}

function firstOfArray(value: readonly unknown[], back: readonly unknown[]): Found | undefined {
  if (value.length !== back.length) return lost(value);
  for (let index = 0; index < value.length; index += 1) {
    const found = firstLost(value[index], back[index]);
    if (found !== undefined) return within(index, found);
  }
  return undefined;
}

function firstOfRecord(
  value: Readonly<Record<string, unknown>>,
  back: Readonly<Record<string, unknown>>,
): Found | undefined {
  for (const name of Object.keys(value)) {
    const part = value[name];
    if (part === undefined || (part === back[name] && typeof part !== 'function')) continue;
    const found = firstLost(part, Object.hasOwn(back, name) ? back[name] : undefined);
    if (found !== undefined) return within(name, found);
  }
  return undefined;
}

/** No Date, Map, typed array, … and nothing that says itself what it becomes. */
function isRecord(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if ((prototype === Object.prototype || prototype === null) && !('toJSON' in value)) return true;
  return (
    Object.prototype.toString.call(value) === '[object Object]' && typeof Reflect.get(value, 'toJSON') !== 'function'
  );
}

function within(parent: string | number, found: Found): Found {
  found.parents.push(parent);
  return found;
}

function lost(value: unknown): Found {
  return { parents: [], what: nameOf(value) };
}

function nameOf(value: unknown): string {
  if (typeof value === 'number') return Number.isFinite(value) ? 'another number' : String(value);
  if (typeof value !== 'object' || value === null) return value === undefined ? 'undefined' : typeof value;
  const name: unknown = Reflect.get(value, 'constructor');
  return typeof name === 'function' && name.name !== '' ? name.name : 'an object';
}
