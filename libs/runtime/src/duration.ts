import { TidemarkError } from './tidemark-error.js';

/** A length of time with its unit: `'250ms'`, `'5s'`, `'1m'`, `'2h'`, `'1d'`. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

/** A size with its unit, 1 kb = 1024 bytes: `'512b'`, `'64kb'`, `'256mb'`, `'1gb'`. */
export type ByteSize = `${number}${'b' | 'kb' | 'mb' | 'gb'}`;

const dayMs = 86_400_000;
const msPer: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: dayMs };
const bytesPer: Readonly<Record<string, number>> = { b: 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 };

/** Milliseconds in `text`, which may be none: `'0ms'`. Throws as `parseDuration` does. */
export function parseDurationOrZero(text: Duration, field: string): number {
  return typeof text === 'string' && /^0+(\.0+)?(ms|s|m|h|d)$/.test(text) ? 0 : parseDuration(text, field);
}

/** What is added to the time of day must stay a number of at most 15 digits, since items hold no longer ones. */
const daysMax = 365_000;

/** Milliseconds in `text`. Throws `INVALID_OPTIONS` naming `field` unless it is a positive duration with a unit, of a thousand years at most. */
export function parseDuration(text: Duration, field: string): number {
  const ms = parse(text, field, msPer, "a duration such as '250ms', '5s' or '1h'");
  if (ms <= daysMax * dayMs) return ms;
  throw refused(field, `a duration of at most ${daysMax}d`, text);
}

/** Whole bytes in `text`, rounded down. Throws `INVALID_OPTIONS` naming `field` unless it is a finite size of at least a byte with a unit. */
export function parseByteSize(text: ByteSize, field: string): number {
  const expected = "a size such as '64kb' or '256mb'";
  const bytes = Math.floor(parse(text, field, bytesPer, expected));
  if (bytes >= 1) return bytes;
  throw refused(field, expected, text);
}

function parse(text: unknown, field: string, units: Readonly<Record<string, number>>, expected: string): number {
  const match = typeof text === 'string' ? /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text) : null;
  const factor = match?.[2] === undefined ? undefined : units[match[2]];
  const amount = Number(match?.[1]) * (factor ?? Number.NaN);
  if (Number.isFinite(amount) && amount > 0) return amount;
  throw refused(field, expected, text);
}

function refused(field: string, expected: string, given: unknown): TidemarkError {
  const got = show(given);
  return new TidemarkError('INVALID_OPTIONS', `${field}: expected ${expected}, got ${got}`, {
    retriable: false,
    context: { field, expected, got },
  });
}

/** Of anything, also of what JSON cannot hold. */
function show(given: unknown): string {
  if (typeof given === 'string') return JSON.stringify(given.slice(0, 100));
  return (typeof given === 'object' && given !== null) || typeof given === 'function'
    ? `of type ${typeof given}`
    : String(given);
}
