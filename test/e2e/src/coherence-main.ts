// `npm run measure:coherence`: what the coherence protocol promises, measured on the embedded two-region stack through the public API.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isMet, type Row, rowTable } from './coherence/rows.js';
import { type Measurement, measurements } from './coherence/measurements.js';

const usage = `usage: npm run measure:coherence -- [--quick] [--only NAME,…] [--json FILE]
NAME: ${Object.keys(measurements).join(', ')}`;

interface Arguments {
  readonly names: readonly string[];
  readonly quick: boolean;
  readonly json: string | undefined;
}

async function main({ names, quick, json }: Arguments): Promise<number> {
  const rows: Row[] = [];
  const figures: Record<string, unknown> = {};
  for (const name of names) {
    const { title, measure } = measurements[name] as Measurement;
    const startedAt = performance.now();
    const measured = await measure(quick);
    console.log(`\n${title} (${((performance.now() - startedAt) / 1_000).toFixed(0)} s)\n${rowTable(measured.rows)}`);
    rows.push(...measured.rows);
    figures[name] = measured.figure;
  }
  const missed = rows.filter((row) => !isMet(row));
  const loads = loadavg().map((load) => load.toFixed(1));
  console.log(
    `\nload of the machine ${loads.join(', ')} on ${availableParallelism()} cores; everything in one process but the paused and killed pods`,
  );
  console.log(missed.length === 0 ? 'every goal met' : `NOT met: ${missed.map(({ name }) => name).join('; ')}`);
  const machine = { node: process.version, cores: availableParallelism(), cpu: cpus()[0]?.model, loadAverage: loads };
  if (json !== undefined) {
    const reported = rows.map((row) => ({ ...row, met: isMet(row) }));
    writeFileSync(json, `${JSON.stringify({ machine, quick, rows: reported, figures }, null, 2)}\n`);
  }
  return missed.length === 0 ? 0 : 1;
}

/** Throws for what is not understood, and for a file that cannot be written: better before the minutes that follow. */
function readArguments(): Arguments {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean' }, only: { type: 'string' }, json: { type: 'string' } },
  });
  const names = values.only?.split(',') ?? Object.keys(measurements);
  const unknown = names.filter((name) => !Object.hasOwn(measurements, name));
  if (unknown.length > 0) throw new Error(`--only: no measurement ${unknown.join(', ')}`);
  if (values.json !== undefined) closeSync(openSync(values.json, 'a'));
  return { names, quick: values.quick ?? false, json: values.json };
}

let chosen: Arguments;
try {
  chosen = readArguments();
} catch (error) {
  console.error(`measure:coherence: ${error instanceof Error ? error.message : String(error)}\n${usage}`);
  process.exit(2);
}
try {
  process.exitCode = await main(chosen);
} catch (error) {
  console.error(`measure:coherence: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exitCode = 1;
}
// A pod's process would be killed on exit; nothing else is waited for.
process.exit();
