import { existsSync } from 'node:fs';
import path from 'node:path';
import { files, type Manifest, projects, read, root } from './repository.js';
import { longRuns } from './tools.mjs';

/** What in a document's code, fenced or not, calls or names something that is not there: `page: what`. */
export function missingIn(page: string, text = read(page)): string[] {
  const code = codeOf(text);
  const problems = [
    ...code.flatMap((line) => missingCommands(page, line)),
    ...code.flatMap((line) => missingPaths(page, line)),
  ];
  return [...new Set(problems)].map((problem) => `${page}: ${problem}`);
}

/** Lines of fenced blocks that are not TypeScript, and spans of code in the prose. */
function codeOf(text: string): string[] {
  const fences = [...text.matchAll(/^```(\w*).*\n([^]*?)^```/gm)];
  const shell = fences.filter(([, language = '']) => ['', 'sh', 'bash', 'console'].includes(language));
  // Links are followed by another test.
  const prose = text.replace(/^```[^]*?^```/gm, '').replace(/\[[^\]]*\]\([^)]*\)/g, '');
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...shell.flatMap(([, , lines = '']) => lines.split('\n')), ...spans];
}

function missingCommands(page: string, line: string): string[] {
  const scripts = { ...scriptsOf('package.json'), ...scriptsOf(`${packageOf(page)}/package.json`) };
  const npm = [...line.matchAll(/\bnpm (?:run(?: --silent)? ([\w:-]+)|(test|start)\b)/g)].map(
    ([, run, word = '']) => run ?? word,
  );
  const programs = [...line.matchAll(/\b(?:node|bash|sh) ((?:[\w.*-]+\/)+[\w.-]+)/g)].map(([, file = '']) => file);
  const only =
    /--only ([\w/@,-]+)/
      .exec(line)?.[1]
      ?.split(',')
      .filter((name) => name !== 'NAME' && name !== '') ?? [];
  const binaries = [...line.matchAll(/\bnpx (@?[\w./-]+)/g)].map(([, name = '']) => name);
  return [
    ...npm.filter((name) => scripts[name] === undefined).map((name) => `there is no npm script ${name}`),
    ...programs.filter((file) => !exists(page, file)).map((file) => `there is no program ${file}`),
    ...(line.includes('test:long') ? missingLongRuns(only) : missingProjects(only)),
    ...[...line.matchAll(/\bkafka-[\w-]+\.sh (?=--)(?!.*--bootstrap-server )/g)].map(
      () => 'tell Kafka’s tools --bootstrap-server',
    ),
    ...binaries.filter((name) => !isInstalled(name)).map((name) => `nothing provides npx ${name}`),
  ];
}

function missingProjects(names: readonly string[]): string[] {
  return names.filter((name) => !isProject(name)).map((name) => `there is no project ${name}`);
}

function missingLongRuns(names: readonly string[]): string[] {
  return names.filter((name) => !longRuns.includes(name)).map((name) => `there are no long runs of ${name}`);
}

/** Spans that are a path and nothing else: into a folder of the root, or to a source. */
function missingPaths(page: string, line: string): string[] {
  const isPath =
    /^(?:\.ci|apps|docs|infra|libs|test|tools)\/[\w./*-]*$/.test(line) ||
    /^[\w./*-]+\.(?:[cm]?ts|tsx|mjs|cjs|tf)$/.test(line);
  return isPath && !exists(page, line) ? [`there is no ${line}`] : [];
}

/** From the root or from the page's folder, or a bare name anywhere; what is built exists as its source. */
function exists(page: string, named: string): boolean {
  const source = named
    .replace(/(^|\/)dist\/(?:esm\/|cjs\/)?/, '$1src/')
    .replace(/((?:^|\/)src\/.*)\.js$/, '$1.ts')
    .replace(/\/$/, '');
  const folder = path.posix.dirname(page);
  const pattern = source.replace(/[.+]/g, '\\$&').replaceAll('*', '[^/]+');
  const places = [
    `^${pattern}(/|$)`,
    `^${folder}/(?:.*/)?${pattern}(/|$)`,
    ...(source.includes('/') ? [] : [`/${pattern}$`]),
  ];
  return places.some((place) => everyFile().some((file) => new RegExp(place).test(file)));
}

let listed: readonly string[] | undefined;

/** Listed once. */
function everyFile(): readonly string[] {
  listed ??= files();
  return listed;
}

function packageOf(page: string): string {
  let folder = path.posix.dirname(page);
  while (folder !== '.' && !existsSync(path.join(root, folder, 'package.json'))) folder = path.posix.dirname(folder);
  return folder;
}

function scriptsOf(manifest: string): Readonly<Record<string, string>> {
  return (JSON.parse(read(manifest)) as Manifest).scripts ?? {};
}

function isProject(name: string): boolean {
  return projects().some(({ folder, manifest }) => [folder, path.posix.basename(folder), manifest.name].includes(name));
}

function isInstalled(name: string): boolean {
  if (existsSync(path.join(root, 'node_modules/.bin', name))) return true;
  return projects().some(({ manifest }) => manifest.name === name && manifest.bin !== undefined);
}
