import { haste } from './pub-sub-cluster.js';
import { type Library } from './cluster.js';
import { type Race } from './race.js';
import { type Row } from './run-races.js';

const begin = '<!-- races:begin -->';
const end = '<!-- races:end -->';

/** Puts the report into a page, between its markers. Throws where the page has none. */
export function intoPage(page: string, report: string): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`expected ${begin} and ${end} in the page`);
  return `${page.slice(0, from + begin.length)}\n\n${report}\n\n${page.slice(to)}`;
}

/** The races as a table: a line each, a column for every library. */
export function raceTable(rows: readonly Row[]): string {
  const libraries = [...new Map(rows.map(({ library, version }) => [library, `${library} ${version}`]))];
  const names = [...new Set(rows.map(({ race }) => race))];
  const cell = (race: string, library: string): string => {
    const result = rows.find((row) => row.race === race && row.library === library)?.result ?? '';
    return result === 'stale' ? '**stale**' : result;
  };
  const lines = names.map((race) => [race, ...libraries.map(([library]) => cell(race, library))]);
  return markdownTable([['race', ...libraries.map(([, title]) => title)], ...lines]);
}

/** The table with everything that a reader needs to judge it. */
export function raceReport(rows: readonly Row[], races: readonly Race[], libraries: readonly Library[]): string {
  const stories = races.map(({ name, story }) => `- **${name}**: ${story}.`);
  const settings = libraries.map(({ name, settings: lines }) => `- ${name}: ${lines.join('; ')}.`);
  const lacks = rows
    .filter(({ result }) => result === 'n/a')
    .map(({ library, race, detail }) => ({ library, race, detail }));
  return [
    method,
    raceTable(rows),
    ...outages(rows),
    'What happens in each:',
    stories.join('\n'),
    'Settings:',
    settings.join('\n'),
    'Without a result:',
    reasons(lacks).join('\n'),
    limits,
  ].join('\n\n');
}

const method = `\`npm run bench:races\` plays these stories against each library through its public API, and writes this table. Pods are instances in one process
over one L2 and one bus; the script holds answers back, loses messages and cuts connections. **stale**: three seconds after everything that will ever
arrive has arrived, long before any time to live ends, a pod still reads something other than the last write that reached L2. Each story
is first played without its fault: who is stale then has no result, and the reason is given.`;

const limits = `The buses differ, and that is half of the difference. Tidemark's is a log: it keeps what a pod that was away has missed, and numbers its records, so
that a lost one shows as a skipped offset and flushes. The interfaces of the others are publish and subscribe, which keeps and numbers nothing. A change
that never gets into the log is in no story here. Libraries without a clock to inject live ${haste} times faster: 10 s are ${10_000 / haste} ms.`;

/** What pods were told while the bus was away: not part of the result, and where a bound on staleness shows. */
function outages(rows: readonly Row[]): string[] {
  const readers = new Map<string, Set<string>>();
  for (const { library, meanwhile } of rows)
    if (meanwhile !== undefined) readers.set(meanwhile, (readers.get(meanwhile) ?? new Set()).add(library));
  if (readers.size === 0) return [];
  const told = [...readers].map(([value, names]) => `${value} with ${[...names].join(' and ')}`);
  return [
    `Ten seconds into the outages, before anything was healed, B read ${told.join(', ')}. With Tidemark that is \`maxStaleness: '5s'\`: L1 gave way to L2.`,
  ];
}

/** One line for each library and reason. */
function reasons(
  lacks: readonly { readonly library: string; readonly race: string; readonly detail: string }[],
): string[] {
  const grouped = new Map<string, string[]>();
  for (const { library, race, detail } of lacks) {
    const reason = `${library}: ${detail.split('. Without')[0] ?? detail}`;
    grouped.set(reason, [...(grouped.get(reason) ?? []), race]);
  }
  return [...grouped].map(
    ([reason, names]) => `- ${reason} (${names.length === 1 ? names[0] : `${names.length} races`}).`,
  );
}

/** As Prettier lays tables out. */
function markdownTable([head = [], ...lines]: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [row(head), row(widths.map((width) => '-'.repeat(width))), ...lines.map(row)].join('\n');
}
