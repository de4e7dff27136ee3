// `npm run bench`: every row and curve in child processes. Prints the table; `--json FILE`, and `--write` for docs/benchmarks.md and its charts.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { curves } from './perf/curves/index.js';
import { elsewhere } from './perf/elsewhere.js';
import { machine, versions } from './perf/machine.js';
import { type Failure, measureEach } from './perf/measure-each.js';
import { type BenchOptions, readOptions, usage } from './perf/options.js';
import { type BenchResults, chartsOf, reportPage, resultTable } from './perf/report.js';
import { type BenchRow } from './perf/row.js';
import { benchRows } from './perf/rows/index.js';
import { traceRows, tracesVariable } from './perf/rows/trace-rows.js';
import { pinnedCore, runCurve, runRow } from './perf/run-row.js';
import { measuredOf, verdictOf } from './perf/verdict.js';

const docs = new URL('../../../docs/', import.meta.url);
/** Of `--quick`: gates are measured three times while there is time, the rest once. */
const quickRepeatsUntilMs = 70_000;

async function main(): Promise<number> {
  const options = optionsOrExit();
  if (options.traces !== undefined) process.env[tracesVariable] = options.traces;
  const rows = [...benchRows, ...traceRows(options.traces)];
  const results = await measure(rows, options);
  console.log(resultTable(results.rows));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  if (options.write) writeReport(rows, results);
  const shut = options.quick ? results.rows.filter(({ passes }) => !passes) : [];
  for (const row of shut) console.error(`gate: ${row.name}: expected ${row.rule}, got ${measuredOf(row)}`);
  for (const { name, reason } of results.failed) console.error(`failed: ${name}: ${reason}`);
  return shut.length === 0 && results.failed.length === 0 ? 0 : 1;
}

async function measure(all: readonly BenchRow[], { quick, only }: BenchOptions): Promise<BenchResults> {
  const isAsked = ({ name }: { readonly name: string }): boolean => only?.includes(name) ?? true;
  const failed: Failure[] = [];
  const isLeftOut = ({ isSlow }: BenchRow): boolean => quick && only === undefined && isSlow === true;
  const measured = all.filter((each) => isAsked(each) && !isLeftOut(each));
  const rows = await measureEach(
    measured,
    async (row) => {
      const result = verdictOf(row, await runRow(row, { quick }, roundsOf(row, quick)));
      console.log(`${result.met ? 'met   ' : 'not met'} ${row.name}: ${measuredOf(result)} (${result.rule})`);
      return result;
    },
    failed,
  );
  // Curves are for readers, not for gates.
  const drawn = quick && only === undefined ? [] : curves.filter(isAsked);
  const curveResults = await measureEach(drawn, (curve) => runCurve(curve, { quick }, 1), failed);
  return { machine: machine(pinnedCore), versions: versions(), rows, curves: curveResults, failed };
}

function roundsOf({ gateTolerance }: BenchRow, quick: boolean): number {
  if (!quick) return 3;
  return gateTolerance !== undefined && performance.now() < quickRepeatsUntilMs ? 3 : 1;
}

function writeReport(rows: readonly BenchRow[], results: BenchResults): void {
  const folder = new URL('benchmarks/', docs);
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) if (file.endsWith('.svg')) rmSync(new URL(file, folder));
  for (const [name, svg] of chartsOf(results)) writeFileSync(new URL(`${name}.svg`, folder), svg);
  writeFileSync(new URL('benchmarks.md', docs), reportPage(results, rows, elsewhere));
}

function optionsOrExit(): BenchOptions {
  try {
    return readOptions(
      process.argv.slice(2),
      [...benchRows, ...curves].map(({ name }) => name),
      (folder) => traceRows(folder).map(({ name }) => name),
    );
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

process.exitCode = await main();
