import { type DescribedField, type Environment } from './described-field.js';

export interface DescribedProcess {
  readonly name: string;
  readonly description: string;
  readonly fields: readonly DescribedField[];
}

/** What `--help` prints. */
export function helpText({ name, description, fields }: DescribedProcess): string {
  const rows = fields.map((field) => [field.name, defaultText(field), field.expected, field.meaning]);
  return `${name}: ${description}

Usage: ${name} [--check | --help]
  --check  check the configuration, print it without its secrets, and end: 0 when it is right, else 2
  --help   print this text

The configuration is read from the environment. An empty variable counts as left out; an unknown TIDEMARK_ variable is refused,
except TIDEMARK_TEST_…, what Kubernetes sets for services, and those of tidemark routes.

${alignedTable(['VARIABLE', 'DEFAULT', 'TAKES', 'MEANING'], rows)}
`;
}

/** What `--check` prints of a configuration that is right. */
export function checkText(fields: readonly DescribedField[], environment: Environment): string {
  const nameWidth = Math.max(...fields.map((field) => field.name.length));
  const lines = fields.map((field) => `  ${field.name.padEnd(nameWidth)} = ${effectiveText(field, environment)}`);
  return `configuration ok\n${lines.join('\n')}\n`;
}

/** The fields as a Markdown table. */
export function markdownTable(fields: readonly DescribedField[]): string {
  const rows = fields.map((field) => [`\`${field.name}\``, field.meaning, defaultText(field), field.expected]);
  const lines = [['variable', 'meaning', 'default', 'takes'], ['---', '---', '---', '---'], ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}

function defaultText(field: DescribedField): string {
  return field.default ?? (field.required ? '(required)' : '(none)');
}

function effectiveText(field: DescribedField, environment: Environment): string {
  const value = environment[field.name] || undefined;
  if (field.secret === true) return value === undefined ? '(not set)' : '(set, not shown)';
  if (value !== undefined) return value;
  return field.default === undefined ? '(not set)' : `${field.default} (default)`;
}

function alignedTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}
