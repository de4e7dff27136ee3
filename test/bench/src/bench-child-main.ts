// One side of one row, in a process of its own: `node bench-child-main.js ROW tidemark|rival quick|full` prints its figure.
import { rowNamed } from './perf/rows/index.js';

const [name = '', side, extent] = process.argv.slice(2);
const row = rowNamed(name);
const measure = side === 'rival' ? row?.rival?.measure : row?.tidemark;
if (measure === undefined) {
  console.error(`no measurement of ${side} in row ${name}`);
  process.exit(2);
}
const figure = await measure({ quick: extent === 'quick' });
// What was measured may hold connections and timers open.
process.stdout.write(`${JSON.stringify({ figure })}\n`, () => process.exit(0));
