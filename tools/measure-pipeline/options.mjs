import { parseArgs } from 'node:util';

export const usage =
  'usage: npm run measure:pipeline -- SCENARIO… [--seconds N] [--rate N] [--seed N] [--minutes N] [--moves N] [--memory-mib N] [--plant skip-reports] [--json FILE] [--quick]';

/** @typedef {import('./scenario.mjs').Options & { readonly scenarios: readonly string[], readonly json: string | undefined }} Chosen */

const quick = { seconds: 20, rate: 300, minutes: 0.25, moves: 4 };
/** What can be made to go wrong, to see that it is noticed. */
const plants = ['skip-reports'];

/**
 * Throws a RangeError that names what was expected and what came.
 * @param {readonly string[]} args
 * @param {readonly string[]} known names of scenarios
 * @returns {Chosen}
 */
export function readOptions(args, known) {
  const text = /** @type {const} */ ({ type: 'string' });
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...{ seconds: text, rate: text, seed: text, minutes: text, moves: text, 'memory-mib': text, json: text },
      plant: text,
      quick: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.filter((name) => !known.includes(name));
  if (positionals.length === 0 || unknown.length > 0)
    throw new RangeError(`expected ${known.join(', ')}; got ${unknown.join(', ') || 'none'}\n${usage}`);
  const fallback = values.quick ? quick : { seconds: undefined, rate: undefined, minutes: undefined, moves: undefined };
  if (values.plant !== undefined && !plants.includes(values.plant))
    throw new RangeError(`--plant: expected ${plants.join(', ')}; got ${values.plant}`);
  return {
    scenarios: positionals,
    json: values.json,
    quick: values.quick,
    seconds: number('seconds', values.seconds, 5, 3_600) ?? fallback.seconds,
    rate: number('rate', values.rate, 10, 5_000) ?? fallback.rate,
    seed: number('seed', values.seed, 0, 4_294_967_295) ?? 1,
    minutes: number('minutes', values.minutes, 0.1, 60) ?? fallback.minutes,
    moves: number('moves', values.moves, 1, 200) ?? fallback.moves,
    plant: values.plant,
    memoryMib: number('memory-mib', values['memory-mib'], 64, 65_536),
  };
}

/** @param {string} option @param {string | undefined} text @param {number} min @param {number} max */
function number(option, text, min, max) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new RangeError(`--${option}: expected a number from ${min} to ${max}, got ${text}`);
}
