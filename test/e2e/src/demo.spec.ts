import { describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './run-command.js';

jest.setTimeout(240_000);

interface DemoResult {
  readonly kafka: string;
  readonly steps: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly ms: number;
    readonly detail: string;
  }[];
  readonly pods: number;
  readonly divergentKeys: number;
  readonly visible: Record<'sameRegion' | 'otherRegion', { readonly p50Ms: number; readonly p99Ms: number }>;
}

async function play(...args: readonly string[]): Promise<DemoResult> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-demo-'));
  try {
    const json = join(folder, 'demo.json');
    const { exitCode, stdout, stderr } = await run('apps/demo/dist/main.js', ['--once', '--json', json, ...args], {
      timeoutMs: 220_000,
    });
    process.stdout.write(stdout);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return JSON.parse(readFileSync(json, 'utf8')) as DemoResult;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('npm run demo', () => {
  it.each([[[]], [['--processes']]])(
    'plays its whole story %j: each role killed, nothing lost, nothing divergent',
    async (args) => {
      const result = await play(...args);
      expect(result).toMatchObject({ kafka: 'embedded', pods: 6, divergentKeys: 0 });
      expect(result.steps.filter(({ ok }) => !ok)).toEqual([]);
      expect(result.steps.length).toBeGreaterThanOrEqual(12);
      expect(result.visible.sameRegion.p50Ms).toBeGreaterThan(0);
    },
  );

  it('stops within two seconds of Ctrl-C', async () => {
    const { exitCode, stdout, msAfterSignal } = await run('apps/demo/dist/main.js', ['--once'], {
      signalWhen: { signal: 'SIGINT', output: /a put is seen/ },
    });
    expect(msAfterSignal).toBeLessThan(2_000);
    expect(exitCode).toBe(130);
    expect(stdout).not.toContain('every step held');
  });

  it.each<[readonly string[]]>([[[]], [['--processes']]])(
    'stops within two seconds of Ctrl-C while it still starts %j, and leaves no folder',
    async (args) => {
      const folder = mkdtempSync(join(tmpdir(), 'tidemark-demo-'));
      try {
        const { exitCode, msAfterSignal } = await run('apps/demo/dist/main.js', args, {
          env: { TMPDIR: folder },
          signalWhen: { signal: 'SIGINT', output: /Tidemark demo/ },
        });
        expect(msAfterSignal).toBeLessThan(2_000);
        expect(exitCode).toBe(130);
        expect(readdirSync(folder)).toEqual([]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  it.each<[readonly string[], RegExp]>([
    [['--json', '/no/such/folder/demo.json'], /--json: cannot write the file: ENOENT/],
    [['--kafka', '127.0.0.1:9'], /--kafka: no broker accepts a connection at 127\.0\.0\.1:9/],
    [['--kafka', '127.0.0.1:99999'], /--kafka: expected embedded, apache or HOST:PORT/],
    [['--port', ''], /--port: expected a port from 0 to 65535/],
    [['--kafka', 'nonsense'], /--kafka: expected embedded, apache or HOST:PORT/],
    [['--port', '99999'], /--port: expected a port from 0 to 65535/],
    [['--sometimes'], /Unknown option '--sometimes'/],
  ])('refuses %j and says why', async (args, message) => {
    const { exitCode, stderr } = await run('apps/demo/dist/main.js', args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });
});
