import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';

jest.setTimeout(60_000);

const run = promisify(execFile);
const bin = path.resolve(import.meta.dirname, '../bin/tidemark.mjs');
const page = readFileSync(path.resolve(import.meta.dirname, '../../../docs/operating/flags.md'), 'utf8');

interface Variable {
  readonly name: string;
  readonly default: string;
  readonly takes: string;
  readonly meaning: string;
}

describe('docs/operating/flags.md', () => {
  it.each(['sync', 'dispatcher', 'admin', 'doctor'])('says of %s what --help says', async (role) => {
    const { stdout } = await run(process.execPath, [bin, role, '--help'], { env: { PATH: process.env['PATH'] } });
    const printed = printedVariables(stdout);
    expect(printed.length).toBeGreaterThan(5);
    expect(documentedVariables(role)).toEqual(printed);
    for (const [flag] of stdout.matchAll(/^ {2}(--[a-z-]+)/gm)) expect(page).toContain(`\`${flag.trim()}\``);
  });
});

/** The aligned table of a help text: cells are two spaces or more apart. */
function printedVariables(help: string): Variable[] {
  const lines = help.split('\n').filter((line) => line.startsWith('TIDEMARK_'));
  return lines.map((line) => {
    const [name = '', standard = '', takes = '', meaning = ''] = line.split(/ {2,}/);
    return { name, default: standard, takes, meaning };
  });
}

function documentedVariables(role: string): Variable[] {
  const table = new RegExp(`<!-- flags:${role}:begin -->([^]*?)<!-- flags:${role}:end -->`).exec(page)?.[1] ?? '';
  const lines = table.split('\n').filter((line) => line.startsWith('| `TIDEMARK_'));
  return lines.map((line) => {
    const [name = '', meaning = '', standard = '', takes = ''] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { name: name.replaceAll('`', ''), default: standard, takes, meaning };
  });
}
