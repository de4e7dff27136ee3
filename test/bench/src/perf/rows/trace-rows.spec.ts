import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rowNamed } from './index.js';
import { traceRows, tracesVariable } from './trace-rows.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-traces-'));
  mkdirSync(join(folder, 'lirs'));
  // A hundred keys in turn, ten times, and one of them between any two: caches of one and of ten keys hold that one at most.
  const keys = Array.from({ length: 1_000 }, (_, n) => `${n % 100}\n0\n`);
  writeFileSync(join(folder, 'lirs', 'two.trace'), keys.join(''));
});
afterEach(() => {
  delete process.env[tracesVariable];
  rmSync(folder, { recursive: true });
});

it('there is a row for each trace and one for all, each measured like the generated workloads', async () => {
  const rows = traceRows(folder);
  expect(rows.map(({ name, goal }) => [name, goal.bound])).toEqual([
    ['trace-mean', 2],
    ['trace-lirs-two', -4],
  ]);
  for (const { rival } of rows) {
    const percent = await rival?.measure({ quick: true });
    expect(percent).toBeGreaterThan(20);
    expect(percent).toBeLessThan(51);
  }
});

it('a child of a run with traces finds their rows', () => {
  expect(rowNamed('trace-lirs-two')).toBeUndefined();
  process.env[tracesVariable] = folder;
  expect(rowNamed('trace-lirs-two')?.name).toBe('trace-lirs-two');
  expect(rowNamed('trace-other')).toBeUndefined();
});
