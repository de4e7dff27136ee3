import { describe, expect, it, jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

jest.setTimeout(120_000);

const root = fileURLToPath(new URL('../../../', import.meta.url));
const packages = [
  'protocol',
  'runtime',
  'cache',
  'pipeline',
  'control',
  'dynamodb-store',
  'kinesis',
  'kafka',
  'aws',
  'nest',
  'services',
  'doctor',
  'local-stack',
];
const subpaths = [
  '@tidemark/runtime/testing',
  '@tidemark/cache/testing',
  '@tidemark/cache/internals',
  '@tidemark/nest/testing',
  '@tidemark/kafka/testing',
];
const everything = [...packages.map((name) => `@tidemark/${name}`), ...subpaths];

/** A folder outside the workspace that sees its packages as installed ones, without the workspace's own source condition. */
function consumer(type: 'module' | 'commonjs', files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-consumer-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

function withConsumer<T>(
  type: 'module' | 'commonjs',
  files: Readonly<Record<string, string>>,
  use: (folder: string) => T,
): T {
  const folder = consumer(type, files);
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const node = (folder: string, file: string): string =>
  execFileSync(process.execPath, ['--no-warnings', file], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  });

describe('the built packages', () => {
  it('are imported by ES modules', () => {
    const program = everything
      .map(
        (name, i) =>
          `import * as m${i} from '${name}'; if (Object.keys(m${i}).length === 0) throw new Error('${name} is empty');`,
      )
      .join('\n');
    withConsumer('module', { 'main.js': `import 'reflect-metadata';\n${program}\nconsole.log('all');` }, (folder) =>
      expect(node(folder, 'main.js')).toBe('all\n'),
    );
  });

  it('are required by CommonJS modules', () => {
    const program = everything
      .map((name) => `if (Object.keys(require('${name}')).length === 0) throw new Error('${name} is empty');`)
      .join('\n');
    withConsumer('commonjs', { 'main.js': `require('reflect-metadata');\n${program}\nconsole.log('all');` }, (folder) =>
      expect(node(folder, 'main.js')).toBe('all\n'),
    );
  });

  it('know each other’s errors, whichever way they were loaded', () => {
    const program = `
      import { createRequire } from 'node:module';
      import { isTidemarkError, TidemarkError } from '@tidemark/cache';
      const required = createRequire(import.meta.url)('@tidemark/cache');
      const error = new required.TidemarkError('CLOSED', 'closed', { retriable: false });
      console.log(isTidemarkError(error, 'CLOSED'), required.isTidemarkError(new TidemarkError('CLOSED', 'x', { retriable: false })));`;
    withConsumer('module', { 'main.js': program }, (folder) => expect(node(folder, 'main.js')).toBe('true true\n'));
  });

  const service = `
    import { createTidemark, defineCache, memory, trust, type Cache, type WriteReceipt } from '@tidemark/cache';
    const flags = defineCache({ name: 'flags', table: 'flags', schema: trust<{ on: boolean }>(), maxSize: '1mb' });
    export async function main(): Promise<boolean | undefined> {
      const tidemark = createTidemark({ service: 'consumer', backend: memory(), caches: [flags] });
      await tidemark.start();
      const cache: Cache<{ on: boolean }> = tidemark.cache(flags);
      const receipt: WriteReceipt = await cache.put('a', { on: true });
      const value = receipt.applied ? await cache.get('a') : undefined;
      await tidemark.close();
      return value?.on;
    }
    void main().then((on) => console.log(on));`;

  it.each(['module', 'commonjs'] as const)('give a strict %s consumer types that compile, and run', (type) => {
    const compilerOptions = {
      target: 'es2022',
      module: 'nodenext',
      moduleResolution: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      rootDir: 'src',
      outDir: 'out',
      types: ['node'],
      skipLibCheck: false,
      lib: ['es2023', 'es2024.string', 'dom'],
    };
    const files = { 'src/main.ts': service, 'tsconfig.json': JSON.stringify({ compilerOptions, include: ['src'] }) };
    withConsumer(type, files, (folder) => {
      execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], {
        cwd: folder,
        encoding: 'utf8',
        stdio: 'pipe',
      });
      expect(node(folder, 'out/main.js')).toBe('true\n');
    });
  });
});
