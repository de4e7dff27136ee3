import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly quick: boolean;
  /** Names of rows and curves; `undefined`: all. */
  readonly only: readonly string[] | undefined;
  /** File for the results. */
  readonly json: string | undefined;
  /** Whether docs/benchmarks.md and its charts are written anew. */
  readonly write: boolean;
}

export const usage = 'usage: npm run bench -- [--quick] [--only NAME,…] [--json FILE] [--write]';

/** Throws with a sentence for whoever typed it, where an option or a name is not known, or where the report would be of a part. */
export function readOptions(args: readonly string[], names: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const only = values.only?.split(',').map((name) => name.trim());
  const unknown = only?.filter((name) => !names.includes(name)) ?? [];
  if (unknown.length > 0)
    throw new RangeError(`--only: expected some of ${names.join(', ')}; got ${unknown.join(', ')}`);
  if (values.write && (only !== undefined || values.quick))
    throw new RangeError('--write: expected a whole run, got one with --only or --quick');
  return { quick: values.quick, only, json: values.json, write: values.write };
}
