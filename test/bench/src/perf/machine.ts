import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import path from 'node:path';
import { cpuClock } from './cpu-clock.js';

/** What the figures were measured on. */
export function machine(pinnedCore: number | undefined): Readonly<Record<string, string | number>> {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${arch()}`,
    clock: cpuClock,
    pinned: pinnedCore === undefined ? 'no' : 'one core, but for what is timed by the wall',
    loadAverage: loadavg()
      .map((load) => load.toFixed(1))
      .join(', '),
  };
}

const rivals = [
  ...['lru-cache', 'bentocache', 'cacheable', 'cache-manager', '@nestjs/cache-manager', '@nestjs/core'],
  ...['keyv', 'layered-loader', 'kafkajs', '@aws-sdk/client-kinesis', '@aws-sdk/client-dynamodb'],
];

/** Of Node, its engine, Tidemark, and every rival as it is installed. */
export function versions(): Readonly<Record<string, string>> {
  const { node, v8 } = process.versions;
  const tidemark = versionOf('@tidemark/cache');
  return { node, v8, tidemark, ...Object.fromEntries(rivals.map((name) => [name, versionOf(name)])) };
}

const require = createRequire(import.meta.url);

/** Looked up as Node does, since a package may not export its manifest. */
function versionOf(name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    const version = readVersion(path.join(folder, name, 'package.json'));
    if (version !== undefined) return version;
  }
  return 'not installed';
}

function readVersion(file: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
  } catch {
    return undefined;
  }
}
