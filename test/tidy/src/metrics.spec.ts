import { describe, expect, it } from '@jest/globals';
import { createdMetrics, metricsIn } from './metric-sources.js';
import { files, read } from './repository.js';

const page = 'docs/metrics.md';
const columns = ['name', 'type', 'labels', 'unit', 'meaning', 'when to worry'];

interface Row {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly cells: readonly string[];
}

describe('metrics', () => {
  const { created, unreadable } = createdMetrics();
  const rows = documented(read(page));
  const documentedNames = new Set(rows.map(({ name }) => name));

  it('have names and labels that can be read off the sources', () => {
    expect(created.length).toBeGreaterThan(50);
    expect(unreadable).toEqual([]);
  });

  it('are all described in docs/metrics.md', () => {
    const missing = created.filter(
      ({ name }, i) => !documentedNames.has(name) && created.findIndex((one) => one.name === name) === i,
    );
    expect(
      missing.map(
        ({ name, kind, labels, at }) =>
          `${at} creates ${name}: add | \`${name}\` | ${kind} | ${labels.join(', ') || '–'} | … to ${page}`,
      ),
    ).toEqual([]);
  });

  it('are described with the kind and the labels that they have', () => {
    const wrong = created.flatMap(({ name, kind, labels, at }) => {
      const row = rows.find((one) => one.name === name);
      const is = `${kind} {${labels.join()}}`;
      const said = `${row?.type} {${row?.labels.join()}}`;
      return row === undefined || is === said ? [] : [`${at}: ${name} is a ${is}; ${page} says ${said}`];
    });
    expect(wrong).toEqual([]);
  });

  it('are described only where they exist, once, in full', () => {
    const known = new Set(created.map(({ name }) => name));
    expect(
      rows.filter(({ name }) => !known.has(name)).map(({ name }) => `${page} describes ${name}; no source creates it`),
    ).toEqual([]);
    expect(rows).toHaveLength(documentedNames.size);
    expect(rows.filter(({ cells }) => cells.length !== columns.length || cells.includes(''))).toEqual([]);
    expect(rows.filter(({ name, cells }) => !unitFits(name, cells[3] ?? '')).map(({ name }) => name)).toEqual([]);
  });

  it('are called by their names in every other document', () => {
    const known = new Set(created.map(({ name }) => name));
    const named = files()
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) => [...read(file).matchAll(/`(tidemark_\w+)/g)].map(([, name = '']) => ({ file, name })));
    expect(named.length).toBeGreaterThan(rows.length);
    expect(named.filter(({ name }) => !known.has(name))).toEqual([]);
  });

  it('come through the registry alone: what prom-client makes by itself would not be found here', () => {
    const sources = files().filter((file) => /^(?:libs|apps)\/.*\.ts$/.test(file) && !file.endsWith('.spec.ts'));
    expect(sources.filter((file) => /from 'prom-client'/.test(read(file)))).toEqual([
      'libs/process/src/prometheus-text.ts',
    ]);
  });
});

describe('the reader of metrics', () => {
  const read = (text: string): string[] =>
    metricsIn('x.ts', text).created.map(({ name, kind, labels, at }) => `${at} ${kind} ${name}{${labels.join()}}`);

  it('follows constants, templates, spread labels and functions that add a prefix', () => {
    expect(
      read(`
        const base = { cache: 'a' };
        const part = 'kept';
        const counter = (name: string, help: string) => registry.counter(\`t_\${name}_total\`, help);
        counter('one', 'One.'); counter('two', 'Two.');
        function gauge(name, labels = {}) { return registry.gauge(name, 'G.', labels); }
        gauge('t_three', { ...base, op: 'x' });
        registry.histogram(\`t_\${part}_seconds\`, 'H.', [1], { topic });
      `),
    ).toEqual([
      'x.ts:4 counter t_one_total{}',
      'x.ts:4 counter t_two_total{}',
      'x.ts:6 gauge t_three{cache,op}',
      'x.ts:8 histogram t_kept_seconds{topic}',
    ]);
  });

  it('says where it cannot tell', () => {
    const { unreadable } = metricsIn(
      'x.ts',
      `registry.counter(names[0], 'A.');
       registry.gauge('t_a', 'A.', labelsOf(cache));
       function never(name) { registry.counter(name, 'B.'); }`,
    );
    expect(unreadable).toEqual([
      'x.ts:1: write the name as a literal',
      'x.ts:2: write the names of the labels as a literal',
      'x.ts:3: write the name as a literal',
    ]);
  });
});

/** The rows of the page's tables that begin with the name of a metric. */
function documented(text: string): Row[] {
  const lines = text.split('\n').filter((line) => /^\| `tidemark_/.test(line));
  return lines.map((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const [name = '', type = '', labels = ''] = cells;
    return {
      name: name.replaceAll('`', ''),
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).sort(),
      cells,
    };
  });
}

/** A name that ends in a unit of measure has that unit in its row. */
function unitFits(name: string, unit: string): boolean {
  const suffix = /_(seconds|bytes)(?:_total)?$/.exec(name)?.[1];
  return suffix === undefined ? !['seconds', 'bytes'].includes(unit) : suffix === unit;
}
