import { parseArgs } from 'node:util';
import { messageOf, TidemarkError } from '@tidemark/runtime';
import { type z } from 'zod';
import { checkText, helpText, markdownTable } from './config-text.js';
import { defaultOf, fieldRegistry } from './configuration-field.js';
import { type DescribedField, type Environment } from './described-field.js';
import { nearest } from './nearest.js';
import { printAndExit } from './print-and-exit.js';

export interface ConfigOptions<Shape extends z.ZodRawShape> {
  /** Name of the command. */
  readonly name: string;
  /** What the process does, in one sentence. */
  readonly description: string;
  /** One field per environment variable; their names begin with `TIDEMARK_`. */
  readonly schema: z.ZodObject<Shape>;
}

/** One wrong variable. */
export interface FieldProblem {
  readonly name: string;
  /** What is wrong, in one clause; holds no secret. */
  readonly problem: string;
}

/** What a command line asks for: to run with these values, or to print a text and end. */
export type Command<Values> =
  | { readonly type: 'run'; readonly values: Values }
  | { readonly type: 'end'; readonly exitCode: 0 | 2; readonly text: string };

export interface ProcessConfig<Values> {
  readonly name: string;
  readonly fields: readonly DescribedField[];
  /** Reads and checks everything at once. Throws `INVALID_CONFIGURATION`, which lists every wrong variable. */
  read(environment: Environment): Values;
  /** Never throws. */
  command(args: readonly string[], environment: Environment): Command<Values>;
  /** The table of variables for a page of documentation. */
  markdownTable(): string;
}

/** The configuration of one process: environment variables in, checked values out. An empty variable counts as left out. */
export function defineConfig<Shape extends z.ZodRawShape>(
  options: ConfigOptions<Shape>,
): ProcessConfig<z.output<z.ZodObject<Shape>>> {
  const { name, description, schema } = options;
  const fields = Object.entries(schema.shape).map(([field, type]) => describe(field, type));
  const read = (environment: Environment): z.output<z.ZodObject<Shape>> => {
    const given = Object.fromEntries(fields.map((field) => [field.name, environment[field.name] || undefined]));
    const result = schema.safeParse(given);
    const wrong = result.success ? [] : problemsOf(result.error, fields, given);
    const problems = [...wrong, ...unknownVariables(fields, environment)];
    if (result.success && problems.length === 0) return result.data;
    throw invalid(name, problems);
  };
  return {
    name,
    fields,
    read,
    markdownTable: () => markdownTable(fields),
    command: (args, environment) => {
      const flags = parseFlags(args);
      if (typeof flags === 'string') return { type: 'end', exitCode: 2, text: `${name}: ${flags}\n` };
      if (flags.help === true) return { type: 'end', exitCode: 0, text: helpText({ name, description, fields }) };
      try {
        const values = read(environment);
        if (flags.check !== true) return { type: 'run', values };
        return { type: 'end', exitCode: 0, text: checkText(fields, environment) };
      } catch (error) {
        return { type: 'end', exitCode: 2, text: `${messageOf(error)}\n` };
      }
    },
  };
}

/** The values that this process runs with; prints and ends it instead where its command line says so or is wrong. */
export function loadConfig<Values>(config: ProcessConfig<Values>): Values {
  const command = config.command(process.argv.slice(2), process.env);
  return command.type === 'run' ? command.values : printAndExit(command);
}

function describe(name: string, type: z.core.$ZodType): DescribedField {
  const about = fieldRegistry.get(type);
  if (about === undefined || !name.startsWith('TIDEMARK_'))
    throw new TidemarkError('INVALID_OPTIONS', `${name}: expected a field named TIDEMARK_…`, { retriable: false });
  const standard = defaultOf(type);
  return { ...about, name, default: standard, required: standard === undefined && type._zod.optin !== 'optional' };
}

type Given = Readonly<Record<string, string | undefined>>;

/** At most one problem per variable, in the order of the fields. */
function problemsOf(error: z.ZodError, fields: readonly DescribedField[], given: Given): FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const field of fields) {
    const issues = error.issues.filter((each) => each.path[0] === field.name);
    const [first] = issues.sort((a, b) => Number(isRule(a)) - Number(isRule(b)));
    if (first === undefined) continue;
    const expected = isRule(first) ? first.message : `expected ${field.expected}`;
    problems.push({ name: field.name, problem: `${expected}, got ${shown(field, given[field.name])}` });
  }
  return problems;
}

function isRule(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'custom' && issue.params?.['rule'] === true;
}

const shownLengthMax = 100;

/** A value for a message: quoted, shortened, without a secret or what stands before an @. */
function shown(field: DescribedField, value: string | undefined): string {
  if (value === undefined) return 'nothing';
  if (field.secret === true) return 'a value that is not shown';
  const text = value.replaceAll(/[^\s,]*@/g, '…@');
  return JSON.stringify(text.length > shownLengthMax ? `${text.slice(0, shownLengthMax)}…` : text);
}

/** Variables of the test suite, which processes that it starts inherit. */
const testPrefix = 'TIDEMARK_TEST_';

/** Of `tidemark routes`, which somebody may use in the environment of a process. */
const commandVariables: readonly string[] = ['TIDEMARK_ADMIN_URL', 'TIDEMARK_ADMIN_TOKEN', 'TIDEMARK_ACTOR'];

/** Their values are not shown: a misspelt variable may hold a secret. */
function unknownVariables(fields: readonly DescribedField[], environment: Environment): FieldProblem[] {
  const known = fields.map((field) => field.name);
  return Object.keys(environment)
    .filter((name) => name.startsWith('TIDEMARK_') && !name.startsWith(testPrefix) && !known.includes(name))
    .filter((name) => !commandVariables.includes(name) && !isServiceLink(name, environment[name] ?? ''))
    .sort()
    .map((name) => {
      const near = nearest(name, known);
      return { name, problem: `unknown variable${near === undefined ? '' : `; did you mean ${near}?`}` };
    });
}

/** Kubernetes sets such variables in every pod for a service whose name begins with `tidemark-`. */
function isServiceLink(name: string, value: string): boolean {
  if (/_SERVICE_(?:HOST|PORT(?:_\w+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name)) return true;
  return name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value);
}

function invalid(name: string, problems: readonly FieldProblem[]): TidemarkError {
  const count = problems.length === 1 ? '1 variable is' : `${problems.length} variables are`;
  const lines = problems.map((each) => `  ${each.name}: ${each.problem}`);
  return new TidemarkError('INVALID_CONFIGURATION', [`${name}: ${count} wrong`, ...lines].join('\n'), {
    retriable: false,
    context: { problems },
  });
}

/** The flags, or what is wrong with the command line. */
function parseFlags(args: readonly string[]): { readonly help?: boolean; readonly check?: boolean } | string {
  try {
    const flags = { help: { type: 'boolean' }, check: { type: 'boolean' } } as const;
    return parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values;
  } catch (error) {
    return `${messageOf(error)} (see --help)`;
  }
}
