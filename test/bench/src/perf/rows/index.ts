import { type BenchRow } from '../row.js';
import { awaitedRows } from './awaited-rows.js';
import { dispatcherRows } from './dispatcher-rows.js';
import { eventRows } from './event-rows.js';
import { failoverRows } from './failover-rows.js';
import { flushRows } from './flush-rows.js';
import { heapBudgetRows } from './heap-budget-rows.js';
import { hitRatioRows } from './hit-ratio-rows.js';
import { hitRows } from './hit-rows.js';
import { hotKeyRows } from './hot-key-rows.js';
import { idleRows } from './idle-rows.js';
import { metricsRow } from './metrics-row.js';
import { overheadRows } from './overhead-rows.js';
import { regionRows } from './region-rows.js';
import { stampedeRows } from './stampede-rows.js';
import { syncRows } from './sync-rows.js';
import { traceRows, tracesVariable } from './trace-rows.js';
import { warmUpRows } from './warm-up-rows.js';

/** Every row, in the order of the report. */
export const benchRows: readonly BenchRow[] = [
  ...hitRows,
  ...awaitedRows,
  metricsRow,
  ...hitRatioRows,
  ...eventRows,
  ...dispatcherRows,
  ...syncRows,
  ...overheadRows,
  ...heapBudgetRows,
  ...stampedeRows,
  ...hotKeyRows,
  ...flushRows,
  ...warmUpRows,
  ...failoverRows,
  ...regionRows,
  ...idleRows,
];

/** Also one of a trace, in a child of a run with `--traces`. */
export function rowNamed(name: string): BenchRow | undefined {
  const isNamed = (row: BenchRow): boolean => row.name === name;
  return benchRows.find(isNamed) ?? traceRows(process.env[tracesVariable]).find(isNamed);
}
