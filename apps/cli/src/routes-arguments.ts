import { nearest } from '@tidemark/process';
import { messageOf } from '@tidemark/runtime';
import { parsedArguments } from './parsed-arguments.js';

/** What `tidemark routes` can do: its operands, and what it does. */
export const routeVerbs = {
  list: { operands: '', what: 'every live route' },
  get: { operands: 'TABLE', what: 'the route of one table' },
  put: { operands: 'TABLE TOPIC...', what: "sends a table's events to these topics" },
  delete: { operands: 'TABLE', what: "stops a table's events; they wait in its table topic" },
  move: { operands: 'TABLE TOPIC', what: 'moves a table to one topic, by way of both' },
  'roll-back': { operands: 'TABLE', what: 'gives a move up' },
  pause: { operands: 'TABLE', what: "lets a table's events wait in its table topic" },
  resume: { operands: 'TABLE', what: 'goes on where the pause began' },
  rewind: { operands: 'TABLE TIME', what: 'sends again what was written since then, such as 2026-01-31T12:00:00Z' },
  history: { operands: 'TABLE', what: 'who changed it, and how, newest first' },
  export: { operands: '', what: 'every route, to be kept elsewhere' },
  import: { operands: 'FILE', what: 'writes those of an export anew that are missing; - reads standard input' },
} as const;

export type RouteVerb = keyof typeof routeVerbs;

const text = { type: 'string' } as const;
const yes = { type: 'boolean' } as const;
const flags = {
  admin: text,
  token: text,
  actor: text,
  'if-match': text,
  limited: text,
  from: text,
  to: text,
  'dry-run': yes,
  json: yes,
  help: yes,
} as const;

export interface RouteFlags {
  readonly admin?: string;
  readonly token?: string;
  readonly actor?: string;
  readonly 'if-match'?: string;
  readonly limited?: string;
  readonly from?: string;
  readonly to?: string;
  readonly 'dry-run'?: boolean;
  readonly json?: boolean;
  readonly help?: boolean;
}

export interface RouteArguments {
  readonly verb: RouteVerb;
  readonly operands: readonly string[];
  readonly flags: RouteFlags;
}

/** Flags of every verb; a flag of another verb is refused, for who gives it believes that it does something. */
const everywhere = ['admin', 'token', 'actor', 'json', 'help'] as const;
const ofChanges = ['if-match', 'dry-run'] as const;
const ownFlags: Readonly<Record<RouteVerb, readonly (keyof RouteFlags)[]>> = {
  list: [],
  get: [],
  put: [...ofChanges, 'limited'],
  delete: ofChanges,
  move: ofChanges,
  'roll-back': ofChanges,
  pause: ofChanges,
  resume: ofChanges,
  rewind: [...ofChanges, 'from', 'to'],
  history: [],
  export: [],
  import: [],
};

/** What is wrong with a command line. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage';
}

/** Throws `WrongUsage`; `undefined`: only help was asked for. */
export function routeArguments(args: readonly string[]): RouteArguments | undefined {
  const { values, positionals } = parsed(args);
  if (values.help === true) return undefined;
  const [verb, ...operands] = positionals;
  if (verb === undefined) throw new WrongUsage(`expected one of ${Object.keys(routeVerbs).join(', ')}`);
  if (!isVerb(verb)) {
    const meant = nearest(verb, Object.keys(routeVerbs));
    throw new WrongUsage(`unknown ${JSON.stringify(verb)}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
  }
  const names = routeVerbs[verb].operands.split(' ').filter((name) => name !== '');
  const more = names.at(-1)?.endsWith('...') === true;
  if (operands.length < names.length || (operands.length > names.length && !more))
    throw new WrongUsage(`${verb}: expected ${names.length === 0 ? 'no operands' : names.join(' ')}`);
  const taken: readonly string[] = [...everywhere, ...ownFlags[verb]];
  const foreign = Object.keys(values).find((flag) => !taken.includes(flag));
  if (foreign !== undefined) throw new WrongUsage(`${verb}: takes no --${foreign}`);
  return { verb, operands, flags: values };
}

function parsed(args: readonly string[]): { readonly values: RouteFlags; readonly positionals: readonly string[] } {
  try {
    return parsedArguments(args, flags, true);
  } catch (error) {
    throw new WrongUsage(messageOf(error));
  }
}

function isVerb(word: string): word is RouteVerb {
  return Object.hasOwn(routeVerbs, word);
}

export function routesHelp(): string {
  const rows = Object.entries(routeVerbs).map(([verb, { operands, what }]) => [`${verb} ${operands}`.trim(), what]);
  const width = Math.max(...rows.map(([usage = '']) => usage.length));
  return `Usage: tidemark routes VERB [OPERANDS] [FLAGS]

${rows.map(([usage = '', what = '']) => `  ${usage.padEnd(width)}  ${what}`).join('\n')}

  --admin URL         the admin API; default TIDEMARK_ADMIN_URL, or http://127.0.0.1:8083
  --token TOKEN       default TIDEMARK_ADMIN_TOKEN, which others on this machine cannot see
  --actor NAME        who asks, for the history; default TIDEMARK_ACTOR, or the user's name
  --if-match VERSION  changes: the version to change, "none" to create; default: the one that stands as the command begins
  --dry-run           changes of one route: work it out, and make none
  --limited JSON      put: topics for some services or buckets, {"topic":{"services":["a"]}}; {} for none
  --from KEY --to KEY rewind: only keys from KEY on, up to but without KEY
  --json              print what the API answers
  --help              print this text

Exit codes: 0 done, 1 refused, 2 wrong command line, 3 not reached or not for now: try again.
A change that reaches an admin which takes none is sent again for up to 20 s.
`;
}
