import { type Environment } from '@tidemark/process';
import { type Clock, messageOf, systemClock } from '@tidemark/runtime';
import { AdminClient, AdminRefusal, type AdminRequest } from './admin-client.js';
import {
  type RouteArguments,
  routeArguments,
  type RouteFlags,
  type RouteVerb,
  routesHelp,
  WrongUsage,
} from './routes-arguments.js';
import {
  changeText,
  historyText,
  listText,
  routeText,
  type ShownChange,
  type ShownHistory,
  type ShownRoute,
} from './routes-text.js';

/** How `tidemark routes` ends. */
export interface RoutesEnd {
  /** 0: done. 1: refused. 2: the command line is wrong. 3: not reached, or not for now. */
  readonly exitCode: 0 | 1 | 2 | 3;
  /** For standard output where it is 0, else for standard error. */
  readonly text: string;
}

export interface RoutesWorld {
  /** Reads a file; `-` is standard input. */
  readonly read: (file: string) => Promise<string>;
  readonly clock?: Clock;
  readonly patienceMs?: number;
}

/** Bytes of one import; the API takes 64 KiB. */
const importBytesMax = 60_000;
/** Routes of one import: each is a record that is waited for, and a request has its deadline. */
const importRoutesMax = 50;

/** Runs `tidemark routes`; never rejects. */
export async function routesCommand(
  args: readonly string[],
  environment: Environment,
  world: RoutesWorld,
): Promise<RoutesEnd> {
  try {
    const given = routeArguments(args);
    if (given === undefined) return { exitCode: 0, text: routesHelp() };
    const client = clientOf(given.flags, environment, world);
    return { exitCode: 0, text: await answer(client, given, world) };
  } catch (error) {
    return endOf(error);
  }
}

function endOf(error: unknown): RoutesEnd {
  if (error instanceof WrongUsage)
    return { exitCode: 2, text: `tidemark routes: ${error.message} (tidemark routes --help says more)\n` };
  if (!(error instanceof AdminRefusal)) return { exitCode: 1, text: `tidemark routes: ${messageOf(error)}\n` };
  const stands = error.currentVersion === undefined ? '' : `; version ${error.currentVersion} stands`;
  const text = `tidemark routes: ${error.code}: ${error.message}${stands}\n`;
  return { exitCode: error.retriable ? 3 : 1, text };
}

/** An empty variable counts as left out, as everywhere. */
function clientOf(flags: RouteFlags, environment: Environment, world: RoutesWorld): AdminClient {
  const of = (name: string): string | undefined => environment[name] || undefined;
  const { clock = systemClock, patienceMs } = world;
  return new AdminClient({
    url: urlOf(flags.admin ?? of('TIDEMARK_ADMIN_URL') ?? 'http://127.0.0.1:8083'),
    token: tokenOf(flags.token ?? of('TIDEMARK_ADMIN_TOKEN')),
    actor: actorOf(flags.actor ?? of('TIDEMARK_ACTOR')) ?? userOf(of('USER')),
    clock,
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
}

function urlOf(text: string): string {
  const { protocol, username, password, search, hash } = URL.canParse(text) ? new URL(text) : noUrl;
  if (!/^https?:$/.test(protocol) || `${username}${password}${search}${hash}` !== '')
    throw new WrongUsage(
      `--admin: expected http://… or https://… without a user name or a query, got ${JSON.stringify(text.replace(/[^/]*@/, '…@'))}`,
    );
  return text.replace(/\/+$/, '');
}

const noUrl = { protocol: '', username: '', password: '', search: '', hash: '' };

/** It is not shown. */
function tokenOf(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]{1,512}$/.test(token)) return token;
  throw new WrongUsage('--token: expected up to 512 printable ASCII characters, got others');
}

function actorOf(actor: string | undefined): string | undefined {
  if (actor === undefined || isActor(actor)) return actor;
  throw new WrongUsage(`--actor: expected 1 to 64 printable ASCII characters, got ${JSON.stringify(actor)}`);
}

/** Nobody has chosen it for this: one that cannot stand in the history is left out. */
function userOf(user: string | undefined): string | undefined {
  return user !== undefined && isActor(user) ? user : undefined;
}

function isActor(text: string): boolean {
  return /^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/.test(text);
}

async function answer(client: AdminClient, given: RouteArguments, world: RoutesWorld): Promise<string> {
  const { verb, operands, flags } = given;
  const [first = ''] = operands;
  const shown = <T>(value: unknown, text: (value: T) => string): string =>
    flags.json === true ? `${JSON.stringify(value, null, 2)}\n` : text(value as T);
  switch (verb) {
    case 'list':
      return shown<{ routes: readonly ShownRoute[] }>(await client.send(get('/routes')), ({ routes }) =>
        listText(routes),
      );
    case 'get':
      return shown<ShownRoute>(await client.send(get(pathOf(first))), routeText);
    case 'history':
      return shown<ShownHistory>(await client.send(get(`${pathOf(first)}/history`)), historyText);
    case 'export':
      return `${JSON.stringify(await client.send(get('/routing-table')), null, 2)}\n`;
    case 'import':
      return shown<Imported>(await importAll(client, await textOf(first, world)), importText);
    default:
      return shown<ShownChange>(await client.send(await changeOf(client, given)), changeText);
  }
}

async function textOf(file: string, { read }: RoutesWorld): Promise<string> {
  try {
    return await read(file);
  } catch (error) {
    throw new WrongUsage(`import: expected a file that can be read: ${messageOf(error)}`);
  }
}

function get(path: string): AdminRequest {
  return { method: 'GET', path };
}

function pathOf(table: string): string {
  return `/routes/${encodeURIComponent(table)}`;
}

/** The request of a verb that changes one route. What is wrong with the command line is told before anybody is asked. */
async function changeOf(client: AdminClient, { verb, operands, flags }: RouteArguments): Promise<AdminRequest> {
  const [table = '', ...rest] = operands;
  const { method, below = '', body } = changes[verb]?.(rest, flags) ?? { method: 'POST', below: `/${verb}` };
  const headers = await preconditionOf(client, table, verb === 'put', flags);
  const query = flags['dry-run'] === true ? '?dryRun=true' : '';
  return { method, path: `${pathOf(table)}${below}${query}`, headers, ...(body === undefined ? {} : { body }) };
}

interface Change extends Pick<AdminRequest, 'method' | 'body'> {
  /** Below the route's own path. */
  readonly below?: string;
}

const changes: Partial<Readonly<Record<RouteVerb, (operands: readonly string[], flags: RouteFlags) => Change>>> = {
  put: (topics, flags) => ({ method: 'PUT', body: { topics, ...limitedOf(flags) } }),
  delete: () => ({ method: 'DELETE' }),
  move: ([to]) => ({ method: 'PUT', below: '/move', body: { to } }),
  'roll-back': () => ({ method: 'DELETE', below: '/move' }),
  rewind: ([time = ''], flags) => ({
    method: 'POST',
    below: '/rewind',
    body: { to: timeOf(time), ...keysOf(flags) },
  }),
};

/** What stands as the command begins, where the caller does not say what he has seen. */
async function preconditionOf(
  client: AdminClient,
  table: string,
  creates: boolean,
  flags: RouteFlags,
): Promise<Readonly<Record<string, string>>> {
  const version = flags['if-match'];
  if (version === 'none' && creates) return { 'if-none-match': '*' };
  if (version !== undefined) {
    if (!/^\d{1,15}$/.test(version))
      throw new WrongUsage(`--if-match: expected a version, got ${JSON.stringify(version)}`);
    return { 'if-match': `"${version}"` };
  }
  try {
    const route = (await client.send(get(pathOf(table)))) as ShownRoute;
    if (creates && flags.limited === undefined && Object.keys(route.limited).length > 0)
      throw new WrongUsage(`put: ${table} has limited topics; say with --limited which of them stay, {} for none`);
    return { 'if-match': `"${route.version}"` };
  } catch (error) {
    if (creates && error instanceof AdminRefusal && error.code === 'ROUTE_NOT_FOUND') return { 'if-none-match': '*' };
    throw error;
  }
}

function limitedOf({ limited }: RouteFlags): { readonly limited?: unknown } {
  if (limited === undefined) return {};
  const value = jsonOf('--limited', limited);
  return Object.keys(value).length === 0 ? {} : { limited: value };
}

/** With its zone: the same words must not mean another time on another machine, nor `5` the year 2001. */
function timeOf(time: string): string {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/i.test(time) ? Date.parse(time) : NaN;
  if (Number.isNaN(ms))
    throw new WrongUsage(`rewind: expected a time with its zone as 2026-01-31T12:00:00Z, got ${JSON.stringify(time)}`);
  return new Date(ms).toISOString();
}

function keysOf({ from, to }: RouteFlags): { readonly keys?: { readonly from: string; readonly to: string } } {
  if (from === undefined && to === undefined) return {};
  if (from === undefined || to === undefined) throw new WrongUsage('rewind: expected --from and --to, or neither');
  return { keys: { from, to } };
}

interface Imported {
  readonly restored: readonly string[];
  readonly kept: readonly string[];
}

/** In pieces that the API takes. One that fails leaves those before it written; the same command writes the rest. */
async function importAll(client: AdminClient, text: string): Promise<Imported> {
  const { routes, ...head } = jsonOf('FILE', text);
  if (!Array.isArray(routes)) throw new WrongUsage('import: expected what export prints');
  const restored: string[] = [];
  const kept: string[] = [];
  for (const piece of pieces(routes as readonly unknown[])) {
    const body = { ...head, routes: piece };
    const done = (await client.send({ method: 'PUT', path: '/routing-table', body })) as Imported;
    restored.push(...done.restored);
    kept.push(...done.kept);
  }
  return { restored, kept };
}

function pieces(routes: readonly unknown[]): readonly (readonly unknown[])[] {
  const all: unknown[][] = [[]];
  let bytes = 0;
  for (const route of routes) {
    const size = Buffer.byteLength(JSON.stringify(route)) + 1;
    if ((all.at(-1)?.length ?? 0) >= importRoutesMax || (bytes + size > importBytesMax && bytes > 0)) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(route);
    bytes += size;
  }
  return all;
}

function importText({ restored, kept }: Imported): string {
  return `restored: ${restored.join(' ') || 'none'}\nkept: ${kept.join(' ') || 'none'}\n`;
}

function jsonOf(what: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below, as any other text that is no object.
  }
  throw new WrongUsage(`${what}: expected a JSON object`);
}
