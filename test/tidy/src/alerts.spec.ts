import { describe, expect, it } from '@jest/globals';
import { parser } from '@prometheus-io/lezer-promql';
import { errorCodes } from '@tidemark/runtime';
import { parse } from 'yaml';
import { createdMetrics } from './metric-sources.js';
import { files, read } from './repository.js';

const page = 'docs/operating/runbooks.md';
const rulesFile = 'infra/alerts/tidemark.rules.yml';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const { groups } = parse(read(rulesFile)) as { readonly groups: readonly { name: string; rules: readonly Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const sections = new Map(
  read(page)
    .split(/^### /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')).trim(), text.slice(text.indexOf('\n')).trim()] as const),
);

describe('the alerts', () => {
  it('are complete, and each has a name of its own', () => {
    expect(rules.length).toBeGreaterThan(20);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect(alert).toMatch(/^Tidemark[A-Z]\w+$/);
      expect(['critical', 'warning']).toContain(labels['severity']);
      expect(annotations['summary']).toMatch(/^[^.]{10,}$/);
    }
  });

  it('have expressions that Prometheus can read', () => {
    expect(rules.filter(({ expr }) => !isPromQl(expr)).map(({ alert, expr }) => `${alert}: ${expr}`)).toEqual([]);
    expect(['sum(rate(a[5m])', 'a >', 'rate(a[5])(', 'a{b=c}'].filter(isPromQl)).toEqual([]);
  });

  it('ask for metrics and labels that exist, and for the increase of counters', () => {
    const { created } = createdMetrics();
    const wrong = rules.flatMap(({ alert, expr }) => [
      ...metricsOf(expr).flatMap((name) => {
        const of = created.filter((metric) => metric.name === name);
        if (of.length === 0) return [`${alert}: nothing creates ${name}`];
        const isRated = new RegExp(String.raw`(?:increase|rate|absent)\(${name}\b`).test(expr);
        return of[0]?.kind === 'counter' && !isRated ? [`${alert}: ${name} is a counter`] : [];
      }),
      ...labelsOf(expr).flatMap(({ name, label }) => {
        const has = created.some((metric) => metric.name === name && metric.labels.includes(label));
        return has ? [] : [`${alert}: ${name} has no label ${label}`];
      }),
    ]);
    expect(wrong).toEqual([]);
  });

  it('hear of what was counted before a process was first looked at', () => {
    // A record of a superseded writer stays in the routing topic, and is counted by every dispatcher that reads it.
    const exempt = ['TidemarkTwoWriters'];
    const once = rules.filter((rule) => rule.for === undefined && /increase\(.*> 0/.test(rule.expr));
    const deaf = once.filter(({ expr }) => {
      const [, by = '', series = ''] = /^sum ?(by \(\w+\) )?\(increase\((.+?)\[15m\]\)\) > 0/.exec(expr) ?? [];
      const also = by === '' ? 'sum' : `sum ${by}`;
      return !expr.endsWith(` or ${also}(${series} unless ${series} offset 15m) > 0`);
    });
    expect(once.length).toBeGreaterThan(5);
    expect(deaf.map(({ alert }) => alert)).toEqual(exempt);
  });

  it('link to their sections, and every section of an alert has one', () => {
    expect(rules.filter(({ alert }) => !sections.has(alert)).map(({ alert }) => alert)).toEqual([]);
    expect(
      rules.filter(({ alert, annotations }) => annotations['runbook'] !== `${page}#${alert.toLowerCase()}`),
    ).toEqual([]);
    const alerts = new Set(rules.map(({ alert }) => alert));
    expect([...sections.keys()].filter((name) => name.startsWith('Tidemark') && !alerts.has(name))).toEqual([]);
  });
});

describe('the runbooks', () => {
  it('have a section for every error code that sync and dispatcher raise, and for no code that does not exist', () => {
    const codes: readonly string[] = errorCodes;
    const raised = raisedCodes();
    expect(raised.length).toBeGreaterThan(10);
    expect(raised.filter((code) => !sections.has(code))).toEqual([]);
    const described = [...sections.keys()].filter((name) => /^[A-Z_]+$/.test(name));
    expect(described.filter((name) => !codes.includes(name))).toEqual([]);
    expect(described).toEqual([...described].sort());
  });

  it('say something in every section', () => {
    expect([...sections].filter(([, text]) => text.length < 60).map(([name]) => name)).toEqual([]);
  });
});

function isPromQl(expression: string): boolean {
  let isRight = true;
  parser.parse(expression).iterate({
    enter: ({ type }) => {
      if (type.isError) isRight = false;
    },
  });
  return isRight;
}

function metricsOf(expression: string): string[] {
  return [...new Set(expression.match(/\btidemark_\w+/g))];
}

function labelsOf(expression: string): { readonly name: string; readonly label: string }[] {
  const matched = [...expression.matchAll(/\b(tidemark_\w+)\{(\w+)/g)].map(([, name = '', label = '']) => ({
    name,
    label,
  }));
  const grouped = [...expression.matchAll(/by \((\w+)\) \((?:\w+\()?(tidemark_\w+)/g)];
  return [...matched, ...grouped.map(([, label = '', name = '']) => ({ name, label }))];
}

/** Codes in the sources of what runs in sync and dispatcher, tests and fakes aside. */
function raisedCodes(): string[] {
  const sources = ['pipeline', 'kinesis', 'kafka', 'services', 'process'].flatMap((library) =>
    files(`libs/${library}/src`),
  );
  const text = sources
    .filter((file) => file.endsWith('.ts') && !/\.spec\.ts$|\/testing\//.test(file))
    .map(read)
    .join('\n');
  return errorCodes.filter((code) => text.includes(`'${code}'`));
}
