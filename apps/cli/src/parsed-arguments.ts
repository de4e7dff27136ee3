import { parseArgs, type ParseArgsConfig } from 'node:util';

type Flags = NonNullable<ParseArgsConfig['options']>;

type Parsed<Options extends Flags, Positionals extends boolean> = Pick<
  ReturnType<typeof parseArgs<{ options: Options; strict: true; allowPositionals: Positionals }>>,
  'values' | 'positionals'
>;

/**
 * What a command line says, with flags that are not in `options` refused, and those with a value that are given more than once: whoever does that
 * believes that each of them counts. Throws an `Error` that names the flag.
 */
export function parsedArguments<Options extends Flags, Positionals extends boolean>(
  args: readonly string[],
  options: Options,
  allowPositionals: Positionals,
): Parsed<Options, Positionals> {
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options,
    strict: true,
    allowPositionals,
    tokens: true,
  });
  const given = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option' || token.value === undefined) continue;
    if (given.has(token.name)) throw new Error(`--${token.name}: expected once, got it again`);
    given.add(token.name);
  }
  return { values, positionals };
}
