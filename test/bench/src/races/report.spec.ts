import { describe, expect, it } from '@jest/globals';
import { type Library } from './cluster.js';
import { naive } from './naive.js';
import { intoPage, raceReport, raceTable } from './report.js';
import { type Result, type Row } from './run-races.js';
import { races } from './stories/index.js';

const row = (race: string, library: string, result: Result, detail = ''): Row => ({
  race,
  library,
  version: '1.0.0',
  result,
  detail,
});

describe('intoPage', () => {
  it('replaces what is between the markers, and nothing else', () => {
    const page = 'before\n<!-- races:begin -->\nold\n<!-- races:end -->\nafter\n';
    expect(intoPage(page, 'new')).toBe('before\n<!-- races:begin -->\n\nnew\n\n<!-- races:end -->\nafter\n');
    expect(intoPage(intoPage(page, 'new'), 'new')).toBe(intoPage(page, 'new'));
  });

  it('refuses a page without them', () => {
    expect(() => intoPage('<!-- races:end --><!-- races:begin -->', 'new')).toThrow('races:begin');
  });
});

describe('raceTable', () => {
  it('has a line for every race and a column for every library', () => {
    const rows = [row('one', 'a', 'fresh'), row('one', 'b', 'stale'), row('two', 'a', 'n/a'), row('two', 'b', 'fresh')];
    expect(raceTable(rows).split('\n')).toEqual([
      '| race | a 1.0.0 | b 1.0.0   |',
      '| ---- | ------- | --------- |',
      '| one  | fresh   | **stale** |',
      '| two  | n/a     | fresh     |',
    ]);
  });
});

describe('raceReport', () => {
  it('tells every story, every setting and every reason for a missing result', () => {
    const library: Library = { ...naive, settings: ['as it comes'] };
    const report = raceReport([row('one', 'naive', 'n/a', 'no bus. Without any fault, B reads v1')], races, [library]);
    for (const { name, story } of races) expect(report).toContain(`- **${name}**: ${story}.`);
    expect(report).toContain('- naive: as it comes.');
    expect(report).toContain('- naive: no bus (one).');
  });
});
