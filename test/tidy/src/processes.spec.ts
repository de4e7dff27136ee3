import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@tidemark/runtime/testing';
import { root } from './repository.js';

const url = (file: string): string => JSON.stringify(pathToFileURL(path.join(root, 'tools', file)).href);

/** Alive, and not a zombie that nobody has reaped yet. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = `/proc/${pid}/status`;
  return !existsSync(status) || !/^State:\s+Z/m.test(readFileSync(status, 'utf8'));
}

describe('processes of the tools', () => {
  let folder = '';
  let started: ChildProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'tidemark-processes-'));
    started = [];
  });

  afterEach(() => {
    for (const child of started) child.kill('SIGKILL');
    for (const pid of recorded()) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  /** Processes that wrote down their ids. */
  function recorded(): number[] {
    const file = path.join(folder, 'pids');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
  }

  function node(program: string): ChildProcess {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    started.push(child);
    return child;
  }

  /** Shell text that starts a deaf process, as a child or in a session of its own, and writes its id down. */
  const deaf = (own: 'child' | 'session'): string => {
    const loop = `trap "" INT TERM HUP; echo $$ >> ${folder}/pids; while :; do sleep 1; done`;
    return own === 'session'
      ? `node -e "require('child_process').spawn('sh', ['-c', process.argv[1]], { detached: true })" '${loop}' & `
      : `sh -c '${loop}' & `;
  };

  it.each(['SIGINT', 'SIGTERM'] as const)('are gone two seconds after %s, however deaf and deep', async (signal) => {
    const script = JSON.stringify(`${deaf('child')}${deaf('session')}${deaf('child')}wait`);
    const runner = node(`
      import { startTree, stopTrees } from ${url('process-tree.mjs')};
      process.on('${signal}', () => stopTrees('${signal}').then(() => process.exit(7)));
      startTree('sh', ['-c', ${script}], { stdio: 'ignore' });
    `);
    await eventually('three processes run', () => recorded().length === 3);
    const askedAtMs = performance.now();
    const ended = new Promise((resolve) => runner.once('exit', resolve));
    runner.kill(signal);
    expect(await ended).toBe(7);
    expect(performance.now() - askedAtMs).toBeLessThan(2000);
    await eventually('none is left', () => !recorded().some(isAlive), 500);
  });

  it('are let finish by themselves where they listen', async () => {
    const runner = node(`
      import { startTree, stopTrees } from ${url('process-tree.mjs')};
      const polite = "process.on('SIGTERM', () => { console.log('good bye'); process.exit(); }); setInterval(() => 0, 1e6); console.log('up')";
      const child = startTree(process.execPath, ['-e', polite], { stdio: ['ignore', 'pipe', 'inherit'] });
      child.stdout.on('data', (text) => { process.stdout.write(text); if (String(text) === 'up\\n') stopTrees('SIGTERM'); });
    `);
    let said = '';
    runner.stdout?.on('data', (text) => (said += String(text)));
    await new Promise((resolve) => runner.once('close', resolve));
    expect(said).toBe('up\ngood bye\n');
  });

  it('take what they left running with them when they end', async () => {
    const script = JSON.stringify(`${deaf('child')}while [ ! -s ${folder}/pids ]; do sleep 0.01; done`);
    const runner = node(`
      import { startTree } from ${url('process-tree.mjs')};
      startTree('sh', ['-c', ${script}], { stdio: 'ignore' });
    `);
    await new Promise((resolve) => runner.once('exit', resolve));
    expect(recorded()).toHaveLength(1);
    await eventually('it is gone', () => !recorded().some(isAlive));
  });

  describe('under a watchdog', () => {
    const guarded = (rest: string): string => `
      import { spawn } from 'node:child_process';
      import { mkdirSync } from 'node:fs';
      import { startWatchdog } from ${url('watchdog.mjs')};
      const watchdog = startWatchdog();
      const start = () => {
        const child = spawn('sh', ['-c', ${JSON.stringify(`trap "" INT TERM HUP; echo $$ >> ${folder}/pids; exec sleep 1000`)}], { detached: true });
        child.unref();
        return child.pid;
      };
      mkdirSync('${folder}/kept data');
      watchdog.remove('${folder}/kept data');
      ${rest}
    `;

    it('end with the process that started them, even when that is killed', async () => {
      const runner = node(
        guarded(`watchdog.kill(start()); watchdog.kill(start()); console.log('watched'); setInterval(() => 0, 1e6);`),
      );
      // A process may run before its starter has told the watchdog of it.
      await new Promise((resolve) => runner.stdout?.once('data', resolve));
      await eventually('both run', () => recorded().length === 2);
      expect(recorded().every(isAlive)).toBe(true);
      runner.kill('SIGKILL');
      await eventually('both are gone', () => !recorded().some(isAlive));
      await eventually('their folder is gone', () => !existsSync(path.join(folder, 'kept data')));
    });

    it('are spared where they have ended in the meantime', async () => {
      const runner = node(
        guarded(`const [one, two] = [start(), start()]; watchdog.kill(one); watchdog.kill(two); watchdog.spare(one); console.log(one);
        process.stdin.resume(); setInterval(() => 0, 1e6);`),
      );
      const spared = Number(
        await new Promise((resolve) => runner.stdout?.once('data', (text) => resolve(String(text)))),
      );
      await eventually('both run', () => recorded().length === 2);
      runner.kill('SIGKILL');
      await eventually('one is left', () => recorded().filter(isAlive).length === 1);
      await eventually('their folder is gone', () => !existsSync(path.join(folder, 'kept data')));
      expect(recorded().filter(isAlive)).toEqual([spared]);
    });

    it('are ended at once when it is closed', async () => {
      const runner = node(guarded(`watchdog.kill(start()); await watchdog.close(); console.log('closed');`));
      await new Promise((resolve) => runner.once('exit', resolve));
      await eventually('the process is gone', () => !recorded().some(isAlive));
      expect(existsSync(path.join(folder, 'kept data'))).toBe(false);
    });
  });
});
