import { beforeAll, describe, expect, it } from '@jest/globals';
import { files } from './repository.js';
import { preludeOf, type Snippet, snippets, snippetsIn, typeErrors } from './snippets.js';

const compileTimeoutMs = 60_000;

/** A snippet that is wrong in its prelude and on three of its lines. */
const broken: Snippet = {
  ...{ page: 'libs/a/README.md', line: 10, prelude: "import { gone, memory } from '@tidemark/cache';\n" },
  text: "memory();\nmemory({ regoin: 'eu-west-1' });\nawait nobody();\nconst open = {;\n",
};
const all = snippets();
/** Compiled together with the others: most of the time goes into what all of them import. */
let errors: readonly string[] = [];
const isOfBroken = (error: string): boolean => /^(?:libs\/a\/|.*\/libs-a-)README/.test(error);

beforeAll(() => {
  errors = typeErrors([...all, broken]);
}, compileTimeoutMs);

describe('the snippets of the documents', () => {
  it('compile against the packages, after what their page’s prelude imports', () => {
    expect(all.map(({ page }) => page)).toContain('README.md');
    expect(errors.filter((error) => !isOfBroken(error))).toEqual([]);
  });

  it('have no prelude that belongs to no page', () => {
    const used = new Set(all.map(({ page }) => preludeOf(page)));
    expect(files('test/tidy/fixtures/snippets').filter((file) => !used.has(file))).toEqual([]);
  });
});

describe('the check of a snippet', () => {
  const page = [
    '# Page',
    '',
    '```ts',
    'const first = 1;',
    '```',
    '',
    '```',
    'no code',
    '```',
    '',
    '```ts',
    'second();',
    '```',
    '',
  ];

  it('takes every block of TypeScript, and knows where it stands', () => {
    expect(snippetsIn('a.md', page.join('\n')).map(({ line, text }) => ({ line, text }))).toEqual([
      { line: 4, text: 'const first = 1;\n' },
      { line: 12, text: 'second();\n' },
    ]);
  });

  it('says which line of the page, or of its prelude, is wrong', () => {
    expect(errors.filter(isOfBroken)).toEqual([
      'libs/a/README.md:13: Property assignment expected.',
      expect.stringMatching(/^test\/tidy\/fixtures\/snippets\/libs-a-README\.md\.ts\.txt:1: .*'gone'/),
      expect.stringMatching(/^libs\/a\/README\.md:11: .*'regoin'/),
      expect.stringMatching(/^libs\/a\/README\.md:12: .*'nobody'/),
    ]);
  });
});
