// One side of one row, or one point of a curve, in a process of its own; prints its figure.
// node bench-child-main.js row NAME tidemark|rival quick|full, or: curve NAME SERIES:X quick|full
import { curveNamed } from './perf/curves/index.js';
import { type Measure } from './perf/row.js';
import { rowNamed } from './perf/rows/index.js';

const [kind, name = '', part = '', extent] = process.argv.slice(2);
const measure = kind === 'curve' ? pointOf(name, part) : sideOf(name, part);
if (measure === undefined) {
  console.error(`no measurement of ${part} in ${name}`);
  process.exit(2);
}
const figure = await measure({ quick: extent === 'quick' });
// What was measured may hold connections and timers open.
process.stdout.write(`${JSON.stringify({ figure })}\n`, () => process.exit(0));

function sideOf(row: string, side: string): Measure | undefined {
  return side === 'rival' ? rowNamed(row)?.rival?.measure : rowNamed(row)?.tidemark;
}

function pointOf(curve: string, point: string): Measure | undefined {
  const [series = '', x] = point.split(':');
  const measureAt = curveNamed(curve)?.series[series];
  return measureAt && ((plan) => measureAt(Number(x), plan));
}
