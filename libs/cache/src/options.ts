import { TidemarkError } from '@tidemark/runtime';

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

/** Refuses fields that no option has: a misspelt option must not be read as its default. */
export function onlyFields(where: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (!known.includes(name))
      throw invalidOption(`${where}.${name}`, `one of ${known.join(', ')}`, 'an unknown field');
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
