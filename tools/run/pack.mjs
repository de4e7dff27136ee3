// `npm run pack`: every publishable library as a tarball, each checked as its users will get it.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { step } from './command.mjs';
import { buildWhereStale, install } from './prepare.mjs';
import { projects, root } from './workspace.mjs';

/**
 * Packs into dist/packages/, which holds nothing else afterwards.
 * @param {readonly string[]} args none are known
 * @returns {Promise<number>} 0 where every library was packed and publint had nothing to say
 */
export async function pack(args) {
  if (args.length > 0) {
    console.error(`npm run pack takes no arguments; got ${args.join(' ')}`);
    return 2;
  }
  if (!(await install()) || !(await buildWhereStale())) return 1;
  const libraries = projects().filter(({ kind, manifest }) => kind === 'libs' && manifest.private !== true);
  const destination = path.join(root, 'dist/packages');
  rmSync(destination, { recursive: true, force: true });
  mkdirSync(destination, { recursive: true });

  const staging = mkdtempSync(path.join(tmpdir(), 'tidemark-pack-'));
  try {
    const staged = libraries.map((library) => stage(library, staging));
    if ((await problemsOf(staged)) > 0) return 1;
    const packing = ['pack', ...staged, '--pack-destination', destination, '--ignore-scripts'];
    if (!(await step('npm pack', 'npm', packing, { cwd: staging }))) return 1;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  const tarballs = readdirSync(destination).sort();
  for (const tarball of tarballs) console.log(`dist/packages/${tarball}`);
  return tarballs.length === libraries.length ? 0 : 1;
}

/**
 * Copies a library to where it can be packed with the licence, and without what only this workspace can use.
 * @param {import('./workspace.mjs').Project} library
 * @param {string} staging
 */
function stage({ folder, manifest }, staging) {
  const target = path.join(staging, path.basename(folder));
  const skipped = new Set(['node_modules', 'coverage', 'test-results']);
  cpSync(folder, target, { recursive: true, filter: (source) => !skipped.has(path.basename(source)) });
  cpSync(path.join(root, 'LICENSE'), path.join(target, 'LICENSE'));
  const published = Object.entries(manifest).filter(([key]) => !['scripts', 'devDependencies', 'nx'].includes(key));
  writeFileSync(path.join(target, 'package.json'), `${JSON.stringify(Object.fromEntries(published), null, 2)}\n`);
  return target;
}

/**
 * Prints what publint finds in each package.
 * @param {readonly string[]} folders
 */
async function problemsOf(folders) {
  const { publint } = await import('publint');
  const { formatMessage } = await import('publint/utils');
  let problems = 0;
  for (const folder of folders) {
    const { messages, pkg } = await publint({ pkgDir: folder, strict: true });
    for (const message of messages) {
      problems += 1;
      console.log(`${pkg.name}: ${message.type}: ${formatMessage(message, pkg)}`);
    }
  }
  return problems;
}
