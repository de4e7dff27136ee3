import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { root } from './repository.js';

/** Leaves a summary as the reporter does. */
const summary = (passed: number, failed: number, skipped: number): string =>
  `fs.mkdirSync('test-results'); fs.writeFileSync('test-results/summary.json', '${JSON.stringify({ passed, failed, skipped })}');`;

describe('npm test', () => {
  let workspace = '';

  beforeEach(() => {
    workspace = mkdtempSync(path.join(tmpdir(), 'tidemark-workspace-'));
  });

  afterEach(() => rmSync(workspace, { recursive: true, force: true }));

  function project(name: string, program: string): void {
    const folder = path.join(workspace, name);
    mkdirSync(path.join(folder, 'src'), { recursive: true });
    const manifest = { name: `@example/${name.replace('/', '-')}`, scripts: { test: 'node run.cjs' } };
    writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(path.join(folder, 'run.cjs'), `const fs = require('node:fs'); ${program}`);
    writeFileSync(path.join(folder, 'src/some.spec.ts'), '');
  }

  function run(
    args: readonly string[] = [],
    prepared = true,
  ): { code: number | null; lines: string[]; complaint: string } {
    const url = pathToFileURL(path.join(root, 'tools/run/test.mjs')).href;
    const options = `{ workspace: ${JSON.stringify(workspace)}, prepare: async () => ${prepared} }`;
    const program = `import { test } from '${url}'; process.exitCode = await test(${JSON.stringify(args)}, ${options});`;
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    return { code: result.status, lines: result.stdout.trimEnd().split('\n'), complaint: result.stderr };
  }

  it('adds the counts of all projects up in its last line', () => {
    project('libs/one', summary(3, 0, 0));
    project('apps/two', summary(4, 0, 1));
    project('test/three', summary(5, 0, 0));
    const { code, lines } = run();
    expect(lines.at(-1)).toBe('12 passed, 0 failed, 1 skipped');
    expect(code).toBe(0);
  });

  it('shows what a failing project printed, and keeps the output of the others to itself', () => {
    project('libs/good', `console.log('quiet words'); ${summary(1, 0, 0)}`);
    project('libs/bad', `console.log('loud words'); ${summary(2, 3, 0)} process.exit(1);`);
    const { code, lines } = run();
    expect(lines).toContain('loud words');
    expect(lines).not.toContain('quiet words');
    expect(lines.at(-1)).toBe('3 passed, 3 failed, 0 skipped');
    expect(code).toBe(1);
  });

  it.each(['NOT RUN: a broker: there is no Java', 'FIGURES: 300 seeds'])('shows of a passing project: %s', (told) => {
    project('libs/good', `console.log('  ${told}'); ${summary(1, 0, 0)}`);
    expect(run().lines).toContain(told);
  });

  it.each([
    ['died', `process.kill(process.pid, 'SIGKILL')`],
    ['left nothing', ''],
    [
      'left half a summary',
      `fs.mkdirSync('test-results'); fs.writeFileSync('test-results/summary.json', '{"passed":7');`,
    ],
    ['left no numbers', `fs.mkdirSync('test-results'); fs.writeFileSync('test-results/summary.json', '{"passed":7}');`],
  ])('counts a runner that %s as one failed test', (_what, program) => {
    project('libs/good', summary(1, 0, 0));
    project('libs/bad', program);
    const { code, lines } = run();
    expect(lines.at(-1)).toBe('1 passed, 1 failed, 0 skipped');
    expect(code).toBe(1);
  });

  it('takes nothing from the summary of an earlier run', () => {
    project('libs/one', summary(9, 0, 0));
    expect(run().lines.at(-1)).toBe('9 passed, 0 failed, 0 skipped');
    project('libs/one', '');
    expect(run().lines.at(-1)).toBe('0 passed, 1 failed, 0 skipped');
  });

  it('fails where the runner failed though no test did', () => {
    project('libs/one', `${summary(5, 0, 0)} process.exit(3);`);
    const { code, lines } = run();
    expect(lines.at(-1)).toBe('5 passed, 1 failed, 0 skipped');
    expect(lines.join('\n')).toContain('exit code is 3');
    expect(code).toBe(1);
  });

  it('fails where nothing passed', () => {
    project('libs/one', summary(0, 0, 4));
    const { code, lines } = run();
    expect(lines.at(-1)).toBe('0 passed, 0 failed, 4 skipped');
    expect(code).toBe(1);
  });

  it('ends with its line where the preparations failed', () => {
    project('libs/one', summary(1, 0, 0));
    const { code, lines } = run([], false);
    expect(lines).toEqual(['0 passed, 1 failed, 0 skipped']);
    expect(code).toBe(1);
  });

  it('runs the suites of test/ one at a time, after everything else', () => {
    const log = JSON.stringify(path.join(workspace, 'order'));
    const traced = (name: string): string =>
      `fs.appendFileSync(${log}, '+${name} '); fs.appendFileSync(${log}, '-${name} '); ${summary(1, 0, 0)}`;
    project('test/heavy', traced('heavy'));
    project('test/heavier', traced('heavier'));
    project('libs/light', `${traced('light')} console.log(fs.readFileSync(${log}, 'utf8'));`);
    project('test/last', `console.log(fs.readFileSync(${log}, 'utf8')); process.exit(1);`);
    const order = run().lines.find((line) => line.includes('+heavy'));
    expect(order?.trim()).toBe('+light -light +heavier -heavier +heavy -heavy');
  });

  it('gives a project whose tests wait more workers than there are cores', () => {
    const cores = availableParallelism();
    const told = (name: string, tidemark: object): string | undefined => {
      const folder = path.join(workspace, name);
      mkdirSync(path.join(folder, 'src'), { recursive: true });
      const manifest = { name: `@example/${name.replace('/', '-')}`, scripts: { test: 'node jest.js' }, tidemark };
      writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
      const program = `console.log('NOT RUN: ' + process.argv[2]); const fs = require('node:fs'); ${summary(1, 0, 0)}`;
      writeFileSync(path.join(folder, 'jest.js'), program);
      return run(['--only', name]).lines[0];
    };
    expect(told('test/busy', {})).toBe(`NOT RUN: --maxWorkers=${cores}`);
    expect(told('test/waiting', { workersPerCore: 1.5 })).toBe(`NOT RUN: --maxWorkers=${Math.ceil(cores * 1.5)}`);
  });

  it('runs only what it is asked for, by folder, by short name or by package', () => {
    for (const name of ['libs/one', 'libs/two', 'test/one', 'apps/three']) project(name, summary(1, 0, 0));
    const named = (only: string): string | undefined => run(['--only', only]).lines.at(-1);
    expect(named('libs/one')).toBe('1 passed, 0 failed, 0 skipped');
    expect(named('one')).toBe('2 passed, 0 failed, 0 skipped');
    expect(named('one,@example/apps-three')).toBe('3 passed, 0 failed, 0 skipped');
  });

  it.each([[['--only', 'nobody']], [['--sometimes']]])('refuses %j, and says why', (args) => {
    project('libs/one', summary(1, 0, 0));
    const { code, lines, complaint } = run(args);
    expect(complaint).toMatch(/nobody; there are libs\/one|--sometimes/);
    expect(lines.at(-1)).toBe('0 passed, 1 failed, 0 skipped');
    expect(code).toBe(1);
  });
});
