// `npm run bench:races`: the fault scripts against Tidemark and its rivals. Prints the table and writes it into docs/coherence.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { libraries } from './races/libraries/index.js';
import { intoPage, raceReport, raceTable } from './races/report.js';
import { type Row, runRace } from './races/run-races.js';
import { races } from './races/stories/index.js';

const page = new URL('../../../docs/coherence.md', import.meta.url);

async function main(): Promise<number> {
  const json = jsonFile();
  const rows: Row[] = [];
  for (const race of races) for (const library of libraries) rows.push(await runRace(race, library));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ rows }, null, 2)}\n`);
  writeFileSync(page, intoPage(readFileSync(page, 'utf8'), raceReport(rows, races, libraries)));
  console.log(raceTable(rows));
  for (const { race, library, result, detail } of rows)
    console.log(`${result.padEnd(5)} ${library}: ${race}: ${detail}`);
  return rows.some(({ library, result }) => library === 'tidemark' && result !== 'fresh') ? 1 : 0;
}

/** Ends the process where the arguments are not understood. */
function jsonFile(): string | undefined {
  try {
    return parseArgs({ options: { json: { type: 'string' } } }).values.json;
  } catch (error) {
    console.error(
      `${error instanceof Error ? error.message : String(error)}\nusage: npm run bench:races -- [--json FILE]`,
    );
    process.exit(2);
  }
}

process.exitCode = await main();
