import { nearest } from '@tidemark/process';

/** What the command can become, with what each does. */
const roles = {
  sync: 'copies the changes of DynamoDB tables from a Kinesis stream into table topics',
  dispatcher: 'copies the events of table topics to the cache topics that routes name',
  admin: 'serves the routing table: API and history',
  doctor: 'says what is wrong with a region, and what to do about it; changes nothing',
  routes: 'shows and changes routes over the admin API',
} as const;

export type Role = keyof typeof roles;

/** What a command line asks for: to become a process, with the rest of its arguments, or to print a text and end. */
export type Command =
  | { readonly type: 'run'; readonly role: Role; readonly args: readonly string[] }
  | { readonly type: 'end'; readonly exitCode: 0 | 2; readonly text: string };

/** `args`: those after the name of the command. */
export function commandOf([first, ...args]: readonly string[]): Command {
  if (first === undefined) return wrong('expected a command');
  if (first === '--help' || first === '-h' || first === 'help') return { type: 'end', exitCode: 0, text: helpText() };
  if (isRole(first)) return { type: 'run', role: first, args };
  const meant = nearest(first, Object.keys(roles));
  return wrong(`unknown command ${JSON.stringify(first)}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
}

function isRole(word: string): word is Role {
  return Object.hasOwn(roles, word);
}

function wrong(problem: string): Command {
  const names = Object.keys(roles).join(', ');
  return { type: 'end', exitCode: 2, text: `tidemark: ${problem} (${names}; tidemark --help says more)\n` };
}

function helpText(): string {
  const width = Math.max(...Object.keys(roles).map((name) => name.length));
  const lines = Object.entries(roles).map(([name, what]) => `  ${name.padEnd(width)}  ${what}`);
  return [
    'tidemark sync|dispatcher|admin [--check]',
    'tidemark doctor [--role sync|dispatcher|admin] [--json] [--write-probe]',
    'tidemark routes VERB [OPERANDS] [FLAGS]',
    '',
    ...lines,
    '',
    'Processes and the doctor are configured by environment variables alone: tidemark COMMAND --help lists them;',
    'of a process (sync, dispatcher, admin), --check says whether they are right.',
    '',
  ].join('\n');
}
