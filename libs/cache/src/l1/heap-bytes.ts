/** Objects below this depth, and what comes after so many parts of one value, are not looked at. */
const depthMax = 64;
const partsMax = 200_000;
/** Transitions between shapes that are remembered; when there are more, all are forgotten, and count as new once again. */
const transitionsMax = 4_096;

/** What the engine spends where a property leads to a shape of object that is not there yet, besides the property's name. */
const transitionBytes = 36;

/**
 * Tells how much heap a value takes in V8 (64 bits, pointers uncompressed, as in Node): what hangs from it, not the reference to it. Calibrated
 * on values that `JSON.parse` makes, to a few percent; other kinds of objects are approximations. Strings count where they stand, although the
 * engine may share equal ones.
 *
 * Objects of one shape (the same names in the same order) share their description. Values that use names as data, such as a map by ids, have
 * a shape each, which costs several times what the objects themselves do; so the transitions between shapes are followed here as the engine does it.
 */
export class HeapEstimator {
  #shapes = new Shape();
  #transitions = 0;
  #partsLeft = 0;

  bytesOf(value: unknown): number {
    this.#partsLeft = partsMax;
    return this.#bytesOf(value, depthMax);
  }

  #bytesOf(value: unknown, depthLeft: number): number {
    if (typeof value === 'string') return stringBytes(value);
    if (typeof value === 'number') return isSmallInteger(value) ? 0 : 16;
    if (typeof value === 'bigint') return 24;
    if (typeof value !== 'object' || value === null || depthLeft === 0 || this.#partsLeft <= 0) return 0;
    this.#partsLeft -= 1;
    if (Array.isArray(value)) return this.#arrayBytes(value, depthLeft - 1);
    return this.#specialBytes(value, depthLeft - 1) ?? this.#objectBytes(value, depthLeft - 1);
  }

  #arrayBytes(items: readonly unknown[], depthLeft: number): number {
    if (items.length === 0) return 32;
    const own = 48 + 8 * items.length;
    if (items.every((item) => typeof item === 'number')) return own;
    let bytes = own;
    for (const item of items) bytes += this.#bytesOf(item, depthLeft);
    return bytes;
  }

  #objectBytes(value: object, depthLeft: number): number {
    const names = Object.keys(value);
    if (names.length === 0) return 56;
    let bytes = 24 + 8 * names.length;
    let shape = this.#shapes;
    for (const name of names) {
      let next = shape.next.get(name);
      if (next === undefined) {
        next = this.#newShape(shape, name);
        bytes += transitionBytes + stringBytes(name);
      }
      shape = next;
      bytes += this.#bytesOf((value as Record<string, unknown>)[name], depthLeft);
    }
    return bytes;
  }

  #newShape(before: Shape, name: string): Shape {
    if (this.#transitions >= transitionsMax) {
      this.#shapes = new Shape();
      this.#transitions = 0;
    }
    const shape = new Shape();
    before.next.set(name, shape);
    this.#transitions += 1;
    return shape;
  }

  /** Of what codecs other than JSON make; `undefined`: of a plain object. */
  #specialBytes(value: object, depthLeft: number): number | undefined {
    if (ArrayBuffer.isView(value)) return 200 + value.byteLength;
    if (value instanceof Date) return 96;
    if (!(value instanceof Map || value instanceof Set)) return undefined;
    let bytes = 100;
    for (const [key, item] of value.entries()) {
      bytes += 40 + this.#bytesOf(key, depthLeft);
      if (item !== key) bytes += this.#bytesOf(item, depthLeft);
    }
    return bytes;
  }
}

/** A shape's successors, by the name that leads to them. */
class Shape {
  readonly next = new Map<string, Shape>();
}

/** Header and characters, in whole words; the engine has all strings of one character already. */
export function stringBytes(text: string): number {
  if (text.length < 2) return 0;
  return isOneByte(text) ? latin1Bytes(text.length) : latin1Bytes(text.length * 2);
}

/** Of a text whose characters take a byte each, as those of a write id do. */
export function latin1Bytes(length: number): number {
  return 16 + ((length + 7) & ~7);
}

function isOneByte(text: string): boolean {
  return !beyondLatin1.test(text);
}

const beyondLatin1 = /[\u0100-\uffff]/;

function isSmallInteger(value: number): boolean {
  return (value | 0) === value && !Object.is(value, -0);
}
