import { type Duration, parseDuration } from '@tidemark/runtime';
import { z } from 'zod';

/** What people are told of one environment variable. */
export interface AboutField {
  /** What it does, in one clause. */
  readonly meaning: string;
  /** What it takes, unit and limits included; completes "expected …". */
  readonly expected: string;
  /** Neither its value nor a part of it is ever printed. */
  readonly secret?: boolean;
}

/** One environment variable: its text in, a checked value out. */
export type ConfigurationField<T> = z.ZodType<T, string | undefined>;

/** Every field of every process, by its zod type. */
export const fieldRegistry = z.registry<AboutField>();

/** A field that must be set. */
export function required<T>(type: z.ZodType<T, string>, about: AboutField): z.ZodType<T, string> {
  return type.clone().register(fieldRegistry, about);
}

/** A field that may be left out; it is `undefined` then. */
export function optional<T>(type: z.ZodType<T, string>, about: AboutField): ConfigurationField<T | undefined> {
  return type.optional().register(fieldRegistry, about);
}

/** A field that stands for `text` when it is left out. */
export function withDefault<T>(type: z.ZodType<T, string>, text: string, about: AboutField): ConfigurationField<T> {
  return z.prefault(type, text).register(fieldRegistry, about);
}

/** The text that stands for a field that is left out. */
export function defaultOf(field: z.core.$ZodType): string | undefined {
  return field instanceof z.ZodPrefault ? String(field.def.defaultValue) : undefined;
}

export interface DurationLimits {
  readonly meaning: string;
  readonly default: Duration;
  /** Shortest and longest, both allowed. */
  readonly min: Duration;
  readonly max: Duration;
}

/** A length of time with its unit, in ms. */
export function duration({ meaning, default: text, min, max }: DurationLimits): ConfigurationField<number> {
  const [minMs, maxMs] = [parseDuration(min, 'min'), parseDuration(max, 'max')];
  const type = z.string().transform((value, context) => {
    const ms = durationMs(value);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    context.issues.push({ code: 'custom', input: value });
    return z.NEVER;
  });
  return withDefault(type, text, {
    meaning,
    expected: `a duration with its unit from ${min} to ${max}, such as ${text}`,
  });
}

function durationMs(text: string): number | undefined {
  try {
    return parseDuration(text as Duration, 'duration');
  } catch {
    return undefined;
  }
}

export interface WholeNumberLimits {
  readonly meaning: string;
  readonly default: number;
  /** Smallest and largest, both allowed. */
  readonly min: number;
  readonly max: number;
  /** What is counted, for people: `partitions`. */
  readonly unit?: string;
}

/** A whole number in decimal digits. */
export function wholeNumber(limits: WholeNumberLimits): ConfigurationField<number> {
  const { meaning, min, max, unit } = limits;
  const type = z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .refine((n) => n >= min && n <= max);
  const expected = `a whole number from ${min} to ${max}${unit === undefined ? '' : ` ${unit}`}`;
  return withDefault(type, String(limits.default), { meaning, expected });
}

/** `true` or `false`. */
export function flag(meaning: string, standard: boolean): ConfigurationField<boolean> {
  const type = z.enum(['true', 'false']).transform((text) => text === 'true');
  return withDefault(type, String(standard), { meaning, expected: 'true or false' });
}

/** One of a few words. */
export function choice<const Word extends string>(
  meaning: string,
  words: readonly [Word, ...Word[]],
  standard: NoInfer<Word>,
): ConfigurationField<Word> {
  return withDefault(z.enum(words), standard, { meaning, expected: oneOf(words) });
}

/** `a, b or c`. */
export function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
