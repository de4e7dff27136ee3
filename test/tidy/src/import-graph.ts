import path from 'node:path';
import ts from 'typescript';
import { files, type Project, read } from './repository.js';

/** Sources of a project that nothing reaches: not an entry of its package, not a test, nor anything these import. */
export function unreachableSources(project: Project): string[] {
  const sources = files(project.folder).filter(
    (file) => /\.(?:ts|tsx|mts|mjs)$/.test(file) && !/\.d\.m?ts$/.test(file),
  );
  const known = new Set(sources);
  const reached = reachableFrom(
    sources.filter((file) => isEntry(file, project)),
    known,
  );
  return sources.filter((file) => !reached.has(file));
}

/** Everything that the entries import, directly or not, themselves included; only files of `known`. */
export function reachableFrom(entries: readonly string[], known: ReadonlySet<string>): Set<string> {
  const reached = new Set(entries);
  for (const file of reached) {
    for (const specifier of importsOf(read(file))) {
      const target = resolve(file, specifier, known);
      if (target !== undefined) reached.add(target);
    }
    if (isTest(file)) for (const program of programsOf(file, known)) reached.add(program);
  }
  return reached;
}

function isEntry(file: string, { folder, manifest }: Project): boolean {
  const inProject = file.slice(folder.length + 1);
  if (/\.(?:spec|config)\.(?:ts|tsx|mts|mjs)$/.test(file)) return true;
  if (/^src\/(?:index|main|[a-z-]+-main)\.tsx?$/.test(inProject)) return true;
  const page = files(folder).find((name) => name === `${folder}/index.html`);
  if (page !== undefined && read(page).includes(`/${inProject}`)) return true;
  const named = JSON.stringify([manifest.exports, manifest.bin, manifest.scripts]);
  const built = inProject.replace(/^src\//, 'dist/esm/').replace(/\.tsx?$/, '.js');
  return named.includes(`./${inProject}"`) || named.includes(`./${built}"`) || named.includes(` ${inProject}`);
}

/** Relative specifiers: imports of every kind, and files named through `new URL('…', import.meta.url)`. */
function importsOf(text: string): string[] {
  const imported = ts.preProcessFile(text, true, true).importedFiles.map((found) => found.fileName);
  const named = [...text.matchAll(/new URL\(\s*'([^']+)',\s*import\.meta\.url/g)].map((match) => match[1] ?? '');
  const typed = [...text.matchAll(/import\('(\.[^']+)'\)/g)].map((match) => match[1] ?? '');
  return [...imported, ...named, ...typed].filter((specifier) => specifier.startsWith('.'));
}

/** Tests and what they are made of. */
function isTest(file: string): boolean {
  return file.endsWith('.spec.ts') || file.includes('test/');
}

/** Programs that a test runs in a process of their own: it holds their names as text, or those of what they are built to. */
function programsOf(test: string, known: ReadonlySet<string>): string[] {
  const names = [...read(test).matchAll(/'([\w/.-]+\.(?:ts|js|mjs))'/g)].map((match) => match[1] ?? '');
  const sources = names.map((name) => name.replace(/^dist\/(?:esm\/)?(.*)\.js$/, 'src/$1.ts'));
  return [...known].filter((file) => sources.some((name) => !name.startsWith('.') && file.endsWith(`/${name}`)));
}

function resolve(from: string, specifier: string, known: ReadonlySet<string>): string | undefined {
  const target = path.posix.join(path.posix.dirname(from), specifier);
  const stem = target.replace(/\.(?:js|mjs|ts|tsx)$/, '');
  return [target, `${stem}.ts`, `${stem}.tsx`, `${stem}.mts`, `${target}/index.ts`].find((name) => known.has(name));
}
