import { type BenchRow } from '../row.js';
import { hitRows } from './hit-rows.js';

/** Every row, in the order of the report. */
export const benchRows: readonly BenchRow[] = [...hitRows];

export function rowNamed(name: string): BenchRow | undefined {
  return benchRows.find((row) => row.name === name);
}
