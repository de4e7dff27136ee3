// What the workspace holds, and whether its dependencies and builds are current.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

const kinds = /** @type {const} */ (['libs', 'apps', 'test']);
const generated = new Set(['node_modules', 'dist', 'coverage', 'test-results', '.nx']);

/**
 * @typedef {object} Project
 * @property {string} name its folder from the root, such as `libs/cache`
 * @property {'libs' | 'apps' | 'test'} kind
 * @property {string} folder absolute
 * @property {Manifest} manifest
 *
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private]
 * @property {Record<string, string>} [scripts]
 * @property {{ needsBuild?: boolean, workersPerCore?: number }} [tidemark]
 */

/**
 * Every project of the workspace, libraries first.
 * @param {string} [from] the root folder
 * @returns {Project[]}
 */
export function projects(from = root) {
  return kinds.flatMap((kind) => {
    const base = path.join(from, kind);
    if (!existsSync(base)) return [];
    return readdirSync(base)
      .sort()
      .filter((entry) => existsSync(path.join(base, entry, 'package.json')))
      .map((entry) => {
        const folder = path.join(base, entry);
        const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
        return { name: `${kind}/${entry}`, kind, folder, manifest };
      });
  });
}

/** Whether `npm ci` must run: something is not installed, or the lock file is newer than what is. */
export function installIsStale() {
  const installed = path.join(root, 'node_modules/.package-lock.json');
  const lock = path.join(root, 'package-lock.json');
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) return true;
  // Versions that differ from the root's are installed inside the projects, where a clean-up may have taken them.
  const { packages } = /** @type {{ packages: Record<string, { optional?: boolean }> }} */ (
    JSON.parse(readFileSync(lock, 'utf8'))
  );
  return Object.entries(packages).some(
    ([place, { optional }]) =>
      /^(?:libs|apps|test)\/[^/]+\/node_modules\//.test(place) && !optional && !existsSync(path.join(root, place)),
  );
}

// Inside node_modules: a fresh install asks for a fresh build.
const buildRecord = path.join(root, 'node_modules/.cache/tidemark/built-from');

/** A fingerprint of everything that a build reads: paths, sizes and times of change. */
export function sourceFingerprint() {
  const hash = createHash('sha256');
  const built = projects().filter(isBuilt);
  for (const { folder } of built) addFolder(hash, folder);
  for (const file of ['tsconfig.base.json', 'package-lock.json', 'tools/build-lib.mjs'])
    addFile(hash, path.join(root, file));
  return hash.digest('hex');
}

/** @param {string} fingerprint of the sources at the moment when the last build started */
export function recordBuild(fingerprint) {
  mkdirSync(path.dirname(buildRecord), { recursive: true });
  writeFileSync(buildRecord, fingerprint);
}

/** Whether a build must run: a source has changed since the last one, or what it made is gone. */
export function buildIsStale() {
  if (!existsSync(buildRecord) || readFileSync(buildRecord, 'utf8') !== sourceFingerprint()) return true;
  return projects().some((project) => isBuilt(project) && !existsSync(path.join(project.folder, 'dist')));
}

/** @param {Project} project */
function isBuilt({ manifest }) {
  return manifest.scripts?.build !== undefined;
}

/** @param {import('node:crypto').Hash} hash @param {string} folder */
function addFolder(hash, folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory() && !generated.has(entry.name)) addFolder(hash, file);
    else if (entry.isFile() && !entry.name.endsWith('.spec.ts') && !entry.name.endsWith('.md')) addFile(hash, file);
  }
}

/** @param {import('node:crypto').Hash} hash @param {string} file */
function addFile(hash, file) {
  const { size, mtimeMs } = statSync(file);
  hash.update(`${path.relative(root, file)}\0${size}\0${mtimeMs}\0`);
}
