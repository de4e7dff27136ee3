import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { libraries } from './libraries/index.js';
import { tidemark } from './libraries/tidemark.js';
import { naive } from './naive.js';
import { staleness } from './race.js';
import { play, runRace } from './run-races.js';
import { races } from './stories/index.js';
import { versionOf } from './versions.js';

describe.each(races)('$name', (race) => {
  it('leaves Tidemark fresh, also ten seconds into an outage', async () => {
    const { result, meanwhile = 'v2' } = await runRace(race, tidemark);
    expect({ result, meanwhile }).toEqual({ result: 'fresh', meanwhile: 'v2' });
  });

  it('finds a cache without any guard stale, though not without the fault', async () => {
    expect(staleness(await play(race, naive, false))).toBeUndefined();
    expect(staleness(await play(race, naive, true))).toBeDefined();
  });

  it.each(libraries)(
    'without its fault leaves $name fresh, unless it lacks what the race is about',
    async (library) => {
      const lack = race.needs === undefined ? undefined : library.lacks[race.needs];
      const stale = staleness(await play(race, library, false));
      expect(stale !== undefined).toBe(lack !== undefined);
    },
  );
});

describe('the table in the documents', () => {
  it('is about the versions that are installed', () => {
    const page = readFileSync(new URL('../../../../docs/coherence.md', import.meta.url), 'utf8');
    const head = page.split('\n').find((line) => line.startsWith('| race '));
    const titles = libraries.map(({ name }) => `${name} ${versionOf(name)}`);
    expect(head?.split('|').map((cell) => cell.trim())).toEqual(['', 'race', ...titles, '']);
  });

  it('has a line for every race', () => {
    const page = readFileSync(new URL('../../../../docs/coherence.md', import.meta.url), 'utf8');
    for (const { name } of races) expect(page).toContain(`\n| ${name} `);
  });
});
