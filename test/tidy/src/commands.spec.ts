import { describe, expect, it } from '@jest/globals';
import { missingIn } from './commands.js';
import { files } from './repository.js';

describe('commands and paths in the documents', () => {
  it('are there', () => {
    const pages = files().filter((file) => file.endsWith('.md') && file !== 'CHANGELOG.md');
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/architecture.md']));
    expect(pages.flatMap((page) => missingIn(page))).toEqual([]);
  });

  it.each([
    ['README.md', '```\nnpm run danse\n```', 'there is no npm script danse'],
    ['libs/cache/README.md', 'Say `npm start`.', 'there is no npm script start'],
    ['README.md', '```sh\nnode tools/gone.mjs --check\n```', 'there is no program tools/gone.mjs'],
    ['apps/sync/README.md', '`node dist/gone.js`', 'there is no program dist/gone.js'],
    ['README.md', '`bash .ci/gone`', 'there is no program .ci/gone'],
    ['CONTRIBUTING.md', '`npm test -- --only cache,test/gone`', 'there is no project test/gone'],
    ['README.md', '`npm run test:long -- --only gone`', 'there are no long runs of gone'],
    ['README.md', '`npx @tidemark/gone`', 'nothing provides npx @tidemark/gone'],
    ['README.md', '`kafka-topics.sh --list`', 'tell Kafka’s tools --bootstrap-server'],
    ['docs/architecture.md', 'In `libs/gone/src/`.', 'there is no libs/gone/src/'],
    ['libs/cache/README.md', 'Read `src/gone.ts`.', 'there is no src/gone.ts'],
    ['docs/coherence.md', 'Read `gone-*.ts`.', 'there is no gone-*.ts'],
  ])('would be missed in %s: %j', (page, text, problem) => {
    expect(missingIn(page, text)).toEqual([`${page}: ${problem}`]);
  });

  it.each([
    ['README.md', '```\nnpm run demo -- --once   # comment\nnpm test\n```'],
    ['apps/sync/README.md', '`node apps/sync/dist/main.js --check`, `node dist/main.js`, `npm run build`'],
    [
      'CONTRIBUTING.md',
      '`npm test -- --only cache,test/e2e`, `npm run test:long -- --only properties`, `npm test -- --only NAME,…`, `bash .ci/run`, `docs/adr/`',
    ],
    ['README.md', '`npx @tidemark/local-stack --help`, `apps/*/dist/main.js`, `main.ts`, `dist/packages/`'],
    ['README.md', '```ts\nconst gone = "npm run gone";\n```'],
  ])('are found in %s: %j', (page, text) => {
    expect(missingIn(page, text)).toEqual([]);
  });
});
