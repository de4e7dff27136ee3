import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly quick: boolean;
  /** Names of rows and curves; `undefined`: all. */
  readonly only: readonly string[] | undefined;
  /** File for the results. */
  readonly json: string | undefined;
  /** Folder with published traces, in folders by their formats. */
  readonly traces: string | undefined;
  /** Whether docs/benchmarks.md and its charts are written anew. */
  readonly write: boolean;
}

export const usage = 'usage: npm run bench -- [--quick] [--only NAME,…] [--traces FOLDER] [--json FILE] [--write]';

/** Throws with a sentence for whoever typed it, where an option or a name is not known, or where the report would be of a part. */
export function readOptions(
  args: readonly string[],
  names: readonly string[],
  traceNames: (folder: string) => readonly string[] = () => [],
): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      traces: { type: 'string' },
      json: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const only = values.only?.split(',').map((name) => name.trim());
  const { traces } = values;
  const known = traces === undefined ? names : [...names, ...traceNames(traces)];
  const unknown = only?.filter((name) => !known.includes(name)) ?? [];
  if (unknown.length > 0)
    throw new RangeError(`--only: expected some of ${known.join(', ')}; got ${unknown.join(', ')}`);
  if (values.write && (only !== undefined || values.quick))
    throw new RangeError('--write: expected a whole run, got one with --only or --quick');
  return { quick: values.quick, only, traces, json: values.json, write: values.write };
}
