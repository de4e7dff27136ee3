import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { root } from './repository.js';

const fixtures = path.join(root, 'test/tidy/fixtures/boundary');
const graphFolder = mkdtempSync(path.join(tmpdir(), 'tidemark-graph-'));
const lintTimeoutMs = 60_000;

interface Finding {
  readonly line: number;
  readonly severity: number;
  readonly message: string;
}

/** What lint says of the fixture's boundaries if it were each of these files; with a project graph of its own, made now. */
function lintAs(...files: string[]): Finding[][] {
  const result = spawnSync(process.execPath, [path.join(fixtures, 'lint.mjs'), ...files], {
    cwd: root,
    encoding: 'utf8',
    input: readFileSync(path.join(fixtures, 'core-imports-adapter.ts.txt'), 'utf8'),
    timeout: lintTimeoutMs,
    env: { ...process.env, NX_DAEMON: 'false', NX_WORKSPACE_DATA_DIRECTORY: graphFolder },
  });
  if (result.status !== 0) throw new Error(`lint could not run: ${result.stderr}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '') as Finding[][];
}

describe('lint of boundaries', () => {
  let inCore: readonly Finding[] = [];
  let inTests: readonly Finding[] | undefined;

  beforeAll(() => {
    [inCore = [], inTests] = lintAs('libs/cache/src/broken-boundary.ts', 'test/e2e/src/allowed-boundary.ts');
  }, lintTimeoutMs);

  afterAll(() => rmSync(graphFolder, { recursive: true, force: true }));

  it('refuses adapters and their clients in a core library', () => {
    expect(inCore.map(({ line, severity }) => ({ line, severity }))).toEqual([
      { line: 1, severity: 2 },
      { line: 2, severity: 2 },
      { line: 3, severity: 2 },
    ]);
    expect(inCore[0]?.message).toContain('"layer:core" is not allowed to import "kafkajs"');
    expect(inCore[1]?.message).toContain('"layer:core" is not allowed to import "@aws-sdk/client-dynamodb"');
    expect(inCore[2]?.message).toContain('"layer:core" can only depend on libs tagged with "layer:base"');
  });

  it('allows the same imports where everything may be used', () => {
    expect(inTests).toEqual([]);
  });
});
