import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds everything. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

const generated = new Set(['.git', '.nx', '.terraform', 'coverage', 'dist', 'node_modules', 'test-results']);
const binary = /\.(?:gz|ico|jar|jpe?g|png|tgz|wasm|webp|woff2?)$/;

/** Every text file of the repository below a folder, as paths from the root with `/`; what is generated is left out. */
export function files(folder = ''): string[] {
  const absolute = path.join(root, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { withFileTypes: true }).flatMap((entry) => {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return generated.has(entry.name) ? [] : files(name);
    return entry.isFile() && !binary.test(entry.name) ? [name] : [];
  });
}

export function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

export interface Project {
  /** From the root, such as `libs/cache`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The libraries, apps and suites. */
export function projects(): Project[] {
  return ['libs', 'apps', 'test'].flatMap((kind) =>
    readdirSync(path.join(root, kind))
      .map((name) => `${kind}/${name}`)
      .filter((folder) => existsSync(path.join(root, folder, 'package.json')))
      .map((folder) => ({ folder, manifest: JSON.parse(read(`${folder}/package.json`)) as Manifest })),
  );
}
