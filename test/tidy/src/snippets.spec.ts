import { describe, expect, it } from '@jest/globals';
import { files } from './repository.js';
import { preludeOf, snippets, snippetsIn, typeErrors } from './snippets.js';

const compileTimeoutMs = 60_000;

describe('the snippets of the documents', () => {
  it(
    'compile against the packages, after what their page’s prelude imports',
    () => {
      const all = snippets();
      expect(all.map(({ page }) => page)).toContain('README.md');
      expect(typeErrors(all)).toEqual([]);
    },
    compileTimeoutMs,
  );

  it('have no prelude that belongs to no page', () => {
    const used = new Set(snippets().map(({ page }) => preludeOf(page)));
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

  it(
    'says which line of the page, or of its prelude, is wrong',
    () => {
      const prelude = "import { gone, memory } from '@tidemark/cache';\n";
      const text = "memory();\nmemory({ regoin: 'eu-west-1' });\nawait nobody();\nconst open = {;\n";
      const errors = typeErrors([{ page: 'libs/a/README.md', line: 10, prelude, text }]);
      expect(errors).toEqual([
        'libs/a/README.md:13: Property assignment expected.',
        expect.stringMatching(/^test\/tidy\/fixtures\/snippets\/libs-a-README\.md\.ts\.txt:1: .*'gone'/),
        expect.stringMatching(/^libs\/a\/README\.md:11: .*'regoin'/),
        expect.stringMatching(/^libs\/a\/README\.md:12: .*'nobody'/),
      ]);
    },
    compileTimeoutMs,
  );
});
