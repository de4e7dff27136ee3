import { execFile, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Curve, type CurveResult } from './curve.js';
import { type BenchRow, type Plan, type Side } from './row.js';
import { median } from './statistics.js';
import { type Figures } from './verdict.js';

const childFile = fileURLToPath(new URL('../bench-child-main.js', import.meta.url));
const childTimeoutMs = { row: 300_000, curve: 900_000 } as const;
/** That a child may take; ten million keys need more than rows do. */
const heapMib = { row: 8_192, curve: 14_336 } as const;

/** Runs one side of one row; the default starts a child on one core. */
export type RunSide = (row: BenchRow, side: Side, plan: Plan) => Promise<number>;

/** Both sides in turn, and in the other order every other round, so that a machine that slows down slows both. */
export async function runRow(row: BenchRow, plan: Plan, rounds: number, run: RunSide = runSide): Promise<Figures> {
  const figures: Record<Side, number[]> = { tidemark: [], rival: [] };
  const sides: readonly Side[] = row.rival === undefined ? ['tidemark'] : ['tidemark', 'rival'];
  const isOnce = row.isExact === true || row.isOfTheWall === true;
  for (let round = 0; round < (isOnce ? 1 : rounds); round += 1)
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) figures[side].push(await run(row, side, plan));
  return figures;
}

/** The core that children are pinned to; `undefined`: there is none to spare, or no `taskset`. */
export const pinnedCore = corePinned();

function corePinned(): number | undefined {
  const core = availableParallelism() - 1;
  if (core < 1) return undefined;
  return spawnSync('taskset', ['-c', String(core), 'true']).status === 0 ? core : undefined;
}

/** A child for each point; its median over the rounds. */
export async function runCurve(
  curve: Curve,
  plan: Plan,
  rounds: number,
  run: RunPoint = runPoint,
): Promise<CurveResult> {
  const { name, what, xLabel, unit, xs, note } = curve;
  const series: Record<string, readonly number[]> = {};
  for (const line of Object.keys(curve.series)) {
    const points: number[] = [];
    for (const x of xs) {
      const figures: number[] = [];
      for (let round = 0; round < rounds; round += 1) figures.push(await run(curve, line, x, plan));
      points.push(median(figures));
    }
    series[line] = points;
  }
  return { name, what, xLabel, unit, xs, series, note };
}

/** Runs one point of a curve; the default starts a child on one core. */
export type RunPoint = (curve: Curve, series: string, x: number, plan: Plan) => Promise<number>;

function runSide({ name, isOfTheWall }: BenchRow, side: Side, plan: Plan): Promise<number> {
  return runChild(['row', name, side], plan, isOfTheWall === true ? undefined : pinnedCore);
}

function runPoint({ name }: Curve, series: string, x: number, plan: Plan): Promise<number> {
  return runChild(['curve', name, `${series}:${x}`], plan, pinnedCore);
}

/** `core`: the one that it has; `undefined`: all. */
function runChild(what: readonly string[], { quick }: Plan, core: number | undefined): Promise<number> {
  const kind = what[0] === 'curve' ? 'curve' : 'row';
  const node = [process.execPath, '--expose-gc', `--max-old-space-size=${heapMib[kind]}`, childFile];
  const pinned = core === undefined ? [] : ['taskset', '-c', String(core)];
  const [command = '', ...args] = [...pinned, ...node, ...what, quick ? 'quick' : 'full'];
  const env = { ...process.env, NODE_ENV: 'production', NODE_NO_WARNINGS: '1' };
  return new Promise((resolve, reject) => {
    execFile(command, args, { env, timeout: childTimeoutMs[kind], killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${what.join(' ')}: ${stderr.trim() || error.message}`));
      else resolve(figureOf(stdout));
    });
  });
}

function figureOf(stdout: string): number {
  const { figure } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { readonly figure: number };
  return figure;
}
