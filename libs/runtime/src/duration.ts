import { TidemarkError } from './tidemark-error.js';

/** A length of time with its unit: `'250ms'`, `'5s'`, `'1m'`, `'2h'`, `'1d'`. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

/** A size with its unit, 1 kb = 1024 bytes: `'512b'`, `'64kb'`, `'256mb'`, `'1gb'`. */
export type ByteSize = `${number}${'b' | 'kb' | 'mb' | 'gb'}`;

const msPer: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const bytesPer: Readonly<Record<string, number>> = { b: 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 };

/** Milliseconds in `text`, which may be none: `'0ms'`. Throws as `parseDuration` does. */
export function parseDurationOrZero(text: Duration, field: string): number {
  return /^0+(\.0+)?(ms|s|m|h|d)$/.test(text) ? 0 : parseDuration(text, field);
}

/** Milliseconds in `text`. Throws `INVALID_OPTIONS` naming `field` unless it is a positive, finite duration with a unit. */
export function parseDuration(text: Duration, field: string): number {
  return parse(text, field, msPer, "a duration such as '250ms', '5s' or '1h'");
}

/** Bytes in `text`. Throws `INVALID_OPTIONS` naming `field` unless it is a positive, finite size with a unit. */
export function parseByteSize(text: ByteSize, field: string): number {
  return parse(text, field, bytesPer, "a size such as '64kb' or '256mb'");
}

function parse(text: unknown, field: string, units: Readonly<Record<string, number>>, expected: string): number {
  const match = typeof text === 'string' ? /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text) : null;
  const factor = match?.[2] === undefined ? undefined : units[match[2]];
  const amount = Number(match?.[1]) * (factor ?? Number.NaN);
  if (Number.isFinite(amount) && amount > 0) return amount;
  throw new TidemarkError('INVALID_OPTIONS', `${field}: expected ${expected}, got ${JSON.stringify(text)}`, {
    retriable: false,
    context: { field, expected, got: text },
  });
}
