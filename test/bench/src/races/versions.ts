import { readFileSync } from 'node:fs';

interface Manifest {
  readonly version: string;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** The version of a library in the races; the rivals' are pinned in this package's manifest. */
export function versionOf(library: string): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest;
  return manifest.devDependencies[library] ?? manifest.version;
}
