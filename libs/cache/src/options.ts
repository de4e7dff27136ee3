import { type Duration, parseDuration, TidemarkError } from '@tidemark/runtime';

/** The error of an option that is not what it should be: names the field, what was expected and what came. */
export function invalidOption(field: string, expected: string, got: unknown): TidemarkError {
  return new TidemarkError('INVALID_OPTIONS', `${field}: expected ${expected}, got ${show(got)}`, {
    retriable: false,
    context: { field, expected, got: show(got) },
  });
}

/** `value`, if it is a whole number from `min` to `max`. */
export function wholeNumber(field: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalidOption(field, `a whole number from ${min} to ${max}`, value);
}

/** `value`, if it is one of `allowed`. */
export function oneOf<const T extends string | boolean>(field: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found !== undefined) return found;
  throw invalidOption(
    field,
    allowed.map((each) => (typeof each === 'string' ? `'${each}'` : String(each))).join(' or '),
    value,
  );
}

/** Sync reads its shards each second at most, and publishes a watermark each second: one is up to this old on a healthy day, ms. */
const stalenessLimitMinMs = 4_000;

/** A bound on staleness for every read, in ms. One that a healthy pipeline cannot meet would turn L1 off, and is refused. */
export function stalenessLimit(field: string, text: Duration): number {
  const ms = parseDuration(text, field);
  if (ms >= stalenessLimitMinMs) return ms;
  throw invalidOption(
    field,
    `at least '4s', since a watermark is up to a poll of the stream and 3 s old even when nothing lags,`,
    text,
  );
}

/** Refuses what is no object, and fields that no option has: a misspelt option must not be read as its default. */
export function onlyFields(where: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null) throw invalidOption(where, 'an object of options', given);
  for (const name of Object.keys(given)) {
    if (!known.includes(name))
      throw invalidOption(`${where}.${name}`, `one of ${known.join(', ')}`, 'an unknown field');
  }
}

/** Refuses what lacks one of `names`, none being given aside. */
export function withMethods(field: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return;
  const missing = names.filter((name) => typeof Reflect.get(Object(value) as object, name) !== 'function');
  if (missing.length > 0) throw invalidOption(field, `an object with ${names.join(', ')}`, value);
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
