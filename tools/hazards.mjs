// `npm run hazards`: which tests hold each hazard of docs/hazards.md; 1 where one has none, or a test names one that is not there.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { projects, root } from './run/workspace.mjs';

const page = 'docs/hazards.md';
const generated = new Set(['dist', 'node_modules', 'coverage', 'test-results']);

/**
 * @typedef {{ number: number, name: string }} Hazard
 * @typedef {{ number: number, title: string, at: string }} NamingTest `at`: `file:line`
 */

/**
 * The hazards that a page lists: the rows of its tables that begin with a number.
 * @param {string} [text]
 * @returns {Hazard[]} in the order of their numbers
 */
export function hazards(text = readFileSync(path.join(root, page), 'utf8')) {
  const rows = [...text.matchAll(/^\| (\d+) +\| (.+?) +\|/gm)];
  return rows.map(([, number, name = '']) => ({ number: Number(number), name })).sort((a, b) => a.number - b.number);
}

/**
 * Every test of the workspace whose title names a hazard, once for each that it names.
 * @returns {NamingTest[]}
 */
export function namingTests() {
  const files = projects().flatMap(({ name, folder, kind }) =>
    testFiles(folder, kind === 'test').map((file) => `${name}/${file}`),
  );
  return files.flatMap((file) => namedIn(file, readFileSync(path.join(root, file), 'utf8')));
}

/**
 * The same for the text of one file. A title is any text between quotes: the cases of a contract are keys and fields, not calls.
 * @param {string} file
 * @param {string} text
 * @returns {NamingTest[]}
 */
export function namedIn(file, text) {
  return text.split('\n').flatMap((line, index) => {
    if (/^\s*(?:\/\/|\/?\*)/.test(line)) return [];
    const titles = [...line.matchAll(/'([^']*)'|"([^"]*)"|`([^`]*)`/g)].map(
      (match) => match[1] ?? match[2] ?? match[3] ?? '',
    );
    return titles.flatMap((title) => numbersIn(title).map((number) => ({ number, title, at: `${file}:${index + 1}` })));
  });
}

/** `hazard 12`, `hazards 9 and 53`, `(hazards 1, 3, 4)`. @param {string} title */
function numbersIn(title) {
  const lists = [...title.matchAll(/\bhazards? (\d+(?:(?:,| and|, and) \d+)*)/g)];
  return lists.flatMap(([, list = '']) => [...list.matchAll(/\d+/g)].map(Number));
}

/**
 * Specs; the cases of contracts in `src/testing/`; in a suite every source, since its cases stand beside its specs.
 * @param {string} folder
 * @param {boolean} isSuite
 */
function testFiles(folder, isSuite) {
  /** @type {string[]} */
  const found = [];
  const waiting = [''];
  for (let inside = waiting.pop(); inside !== undefined; inside = waiting.pop()) {
    for (const entry of readdirSync(path.join(folder, inside), { withFileTypes: true })) {
      const name = path.posix.join(inside, entry.name);
      if (entry.isDirectory() && !generated.has(entry.name)) waiting.push(name);
      else if (/\.spec\.tsx?$/.test(name) || (name.endsWith('.ts') && (isSuite || name.includes('/testing/'))))
        found.push(name);
    }
  }
  return found.sort();
}

/** @returns {number} the exit code */
function main() {
  const known = hazards();
  const tests = namingTests();
  for (const { number, name } of known) {
    console.log(`${String(number).padStart(2)}  ${name}`);
    const own = tests.filter((test) => test.number === number);
    for (const { at, title } of own) console.log(`      ${at}  ${title}`);
    if (own.length === 0) console.log('      NO TEST NAMES IT');
  }
  const untested = known.filter(({ number }) => !tests.some((test) => test.number === number));
  const unknown = tests.filter((test) => !known.some(({ number }) => number === test.number));
  for (const { at, number } of unknown) console.log(`${at} names hazard ${number}, which ${page} does not`);
  console.log(`${known.length - untested.length} of ${known.length} hazards have a test that names them`);
  if (untested.length > 0) console.log(`without: ${untested.map(({ number }) => number).join(', ')}`);
  return untested.length + unknown.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
