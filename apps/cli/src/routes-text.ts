/** A route as the API shows it, as far as it is printed. */
export interface ShownRoute {
  readonly table: string;
  readonly version: number;
  readonly topics: readonly string[];
  readonly since: Readonly<Record<string, number>>;
  readonly limited: Readonly<
    Record<
      string,
      { readonly since: number; readonly services?: readonly string[]; readonly buckets?: readonly string[] }
    >
  >;
  readonly paused: boolean;
  readonly move: { readonly to: string; readonly until: string } | null;
  readonly deleted: boolean;
  readonly changedAt: string;
  readonly changedBy: string;
}

export interface ShownChange extends ShownRoute {
  readonly diff: { readonly added: readonly string[]; readonly removed: readonly string[] };
  readonly dryRun: boolean;
  readonly written: boolean;
}

export interface ShownHistory {
  readonly changes: readonly (ShownRoute & { readonly operation: string | null })[];
  readonly complete: boolean;
}

export function listText(routes: readonly ShownRoute[]): string {
  if (routes.length === 0) return 'no routes\n';
  return columns([
    ['TABLE', 'VERSION', 'STATE', 'TOPICS'],
    ...routes.map((route) => [route.table, String(route.version), stateOf(route), topicsOf(route)]),
  ]);
}

export function routeText(route: ShownRoute): string {
  const everybody = Object.entries(route.since).map(([topic, since]) => [topic, `since ${since}`]);
  const limited = Object.entries(route.limited).map(([topic, { since, services, buckets }]) => {
    const only = [services && `services ${services.join()}`, buckets && `buckets ${buckets.join()}`];
    return [topic, `since ${since}, ${only.filter((part) => part !== undefined).join(', ')}`];
  });
  return columns([
    ['table', route.table],
    ['version', String(route.version)],
    ['state', stateOf(route)],
    ['changed', `${route.changedAt} by ${route.changedBy}`],
    ...[...everybody, ...limited].map(([topic = '', what = '']) => ['topic', `${topic} (${what})`]),
  ]);
}

export function changeText(change: ShownChange): string {
  const { added, removed } = change.diff;
  const moves = [...added.map((topic) => `+${topic}`), ...removed.map((topic) => `-${topic}`)].join(' ');
  const what = change.dryRun ? 'would be' : change.written ? 'is now' : 'was already';
  return `${change.table} ${what} at version ${change.version}: ${stateOf(change)}${moves === '' ? '' : ` ${moves}`}\n`;
}

export function historyText({ changes, complete }: ShownHistory): string {
  const rows = changes.map((change) => [
    String(change.version),
    change.changedAt,
    change.changedBy,
    change.operation ?? '?',
    stateOf(change),
    topicsOf(change),
  ]);
  const note = complete
    ? ''
    : 'The history topic could not be read: these are the changes that the admin has seen itself.\n';
  return columns([['VERSION', 'WHEN', 'WHO', 'WHAT', 'STATE', 'TOPICS'], ...rows]) + note;
}

function stateOf({ deleted, paused, move }: ShownRoute): string {
  if (deleted) return 'deleted';
  const states = [paused ? 'paused' : '', move === null ? '' : `moving to ${move.to}`].filter((state) => state !== '');
  return states.length === 0 ? 'live' : states.join(', ');
}

function topicsOf({ topics, limited }: ShownRoute): string {
  const all = [...topics, ...Object.keys(limited).map((topic) => `${topic}*`)];
  return all.length === 0 ? '-' : all.join(' ');
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return `${rows.map((row) => line(row).trimEnd()).join('\n')}\n`;
}
