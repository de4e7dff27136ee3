import { TidemarkError } from '@tidemark/runtime';

/** Throws `INVALID_OPTIONS` unless `value` is from `min` to `max`. */
export function checkRange(option: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  throw new TidemarkError('INVALID_OPTIONS', `${option}: expected a number from ${min} to ${max}, got ${value}`, {
    retriable: false,
    context: { option, min, max, got: value },
  });
}
