import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const programs = join(import.meta.dirname, '..', 'test', 'programs');
const loader = join(import.meta.dirname, '..', 'test', 'ts-loader.mjs');

/** A program that prints `bytes` and ends with `exitCode`. */
function print(bytes: number, exitCode: number, stdout: number | 'pipe') {
  const args = ['--conditions=@tidemark/source', '--import', loader, join(programs, 'last-words.ts')];
  return spawnSync(process.execPath, [...args, String(bytes), String(exitCode)], {
    stdio: ['ignore', stdout, 'pipe'],
    encoding: 'utf8',
    timeout: 20_000,
    maxBuffer: 10_000_000,
  });
}

describe('printAndExit', () => {
  it.each([
    [0, 'stdout', 'stderr'],
    [2, 'stderr', 'stdout'],
  ] as const)('with %i prints to %s, all of it, and ends although something is open', (exitCode, to, other) => {
    const end = print(1_000_000, exitCode, 'pipe');
    expect([end.status, end[to].length, end[other]]).toEqual([exitCode, 1_000_000, '']);
  });

  it('ends with 1 where the answer cannot be written, and says so', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-words-'));
    const file = join(folder, 'read-only');
    writeFileSync(file, '');
    const fd = openSync(file, 'r');
    const end = print(10, 0, fd);
    closeSync(fd);
    rmSync(folder, { recursive: true });
    expect([end.status, end.stderr]).toEqual([1, 'the answer could not be written: EBADF\n']);
  });
});
